// Scenarios: packets and what a tracker must say of each, as text (.ct files).
//
//   # A RST outside the window must not end the connection (RFC 5961).
//   family ipv4
//   config tcp_established=1h
//
//   0.000 > S  seq=1000 win=65535              : new         syn_sent
//   0.010 < S. seq=9000 ack=1001 win=1000      : established syn_recv
//   0.020 > .  seq=1001 ack=9001 win=1000      : established established timeout=3600
//   11.00 look                                 : established open=1
//
// A packet line is: seconds since the first packet; who sends to whom; what;
// details; a colon; what is expected.
//   who      > client to server, < server to client, or two roles of client,
//            server, router, other: router>client
//   what     TCP flags (S F R P . U E C, null for none), udp, udplite, sctp, gre,
//            icmp, icmpv6, or ip:NUMBER
//   details  seq= ack= win= len= opts=; type= code= quote=; conn= (added to the
//            client's port or id) ttl= ext= (8-byte units of IP options);
//            bad_checksum no_checksum transport_bytes= data_offset= udp_length=
//            (UDP-Lite: the coverage); SCTP: tag= itag= (of INIT) chunks=; GRE:
//            version= call= carries= (the protocol inside)
//   chunks   a list with + of NAME or NUMBER, then :FLAGS and /LENGTH
//   opts     a list of wscale:N sackok ts:N sack:L-R+L-R nop end hex:BYTES
//   quote    client>server:tcp, then conn=N type=N code=N bytes=N fragment, or
//            GRE's version= call= carries=, all joined by commas
//   expected verdict, then state or reason, then keys of observation.h; only
//            what stands there is compared. More keys: open (connections of the
//            zone), evicted, gauge_STATE (TCP connections in that state).
// A look line expires what is due and looks at a connection; its first expected
// word is the state.
// `case NAME` begins another case of the same file, with an empty tracker; what
// stands before the first holds for all. `recorded RELEASE` says that a kernel
// gave the expected values: seconds may then differ by one. `tracker_only` says
// that no kernel can be asked: for limits, long waits and looks.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/settings.h"
#include "tests/testing/observation.h"
#include "tests/testing/packet_builder.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {

struct ScenarioStep {
  // In the file, from 1.
  int line = 0;
  // Not a packet: expire and look.
  bool look = false;
  PacketSpec spec;
  Fields expected;
};

struct ScenarioCase {
  std::string name;
  Family family = Family::kIpv4;
  ZoneSettings settings;
  // The kernel release that gave the expected values; empty when a person did.
  std::string recorded;
  bool tracker_only = false;
  std::vector<ScenarioStep> steps;
};

// InvalidArgument, naming the line and the word, when `text` is no scenario.
absl::StatusOr<std::vector<ScenarioCase>> ParseScenario(absl::string_view text);

// Runs a case on the tracker. A sentence with the line for each expectation
// that was not met. `source` as for TrackerSubject.
std::vector<std::string> RunScenario(const ScenarioCase& scenario, PacketSource source = nullptr);

// A packet line; ParseScenario reads it back.
std::string FormatStep(const PacketSpec& spec, const Fields& expected);
// Header lines for a case: family, and what of the settings is not default.
std::string FormatHeader(Family family, const ZoneSettings& settings);

// The settings' names in `config` lines, and how to read and write them.
struct SettingName {
  const char* name;
  bool is_duration;
  // `value` in nanoseconds for durations.
  int64_t (*get)(const ZoneSettings&);
  void (*set)(int64_t value, ZoneSettings*);
};
const std::vector<SettingName>& SettingNames();

// Changes one setting, written as in a `config` line: NAME=VALUE. InvalidArgument,
// naming what there is, for an unknown name and for what is no value of it.
absl::Status ChangeSetting(absl::string_view word, ZoneSettings* settings);

}  // namespace conntrack
