// Observation: what can be seen of a tracker after one packet, in the terms
// that a live kernel shows over netlink: verdict, events, and the connection.
// Both sides of a comparison are brought into this form, and scenarios state
// it as text.
//
// Plain data and pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/tracker/connection.h"
#include "server/tracker/events.h"
#include "server/tracker/names.h"
#include "server/tracker/verdict.h"
#include "tests/testing/packet_builder.h"

namespace conntrack {

// One connection's name: a packet of one of its directions.
struct SeenTuple {
  uint8_t protocol = 0;
  Address source;
  Address destination;
  uint32_t ports = 0;
  Family family = Family::kIpv4;
};

struct SeenWindows {
  // By Direction.
  std::array<uint8_t, 2> scale = {};
  // The six bits that netlink shows.
  std::array<uint8_t, 2> flags = {};

  friend bool operator==(const SeenWindows&, const SeenWindows&) = default;
};
inline constexpr uint8_t kVisiblePeerFlags = 0x3F;

struct SeenConnection {
  SeenTuple original;
  uint16_t status = 0;
  // In whole seconds.
  std::optional<int64_t> timeout;
  // Of TCP or SCTP, by name.
  std::optional<std::string> state;
  std::optional<SeenWindows> windows;
  // SCTP's verification tags, by Direction.
  std::optional<std::array<uint32_t, 2>> tags;
  std::optional<std::array<Counters, 2>> counters;
};

struct SeenEvent {
  EventType type = EventType::kNew;
  SeenConnection connection;
};

struct Observation {
  // Nullopt: the packet did not come out.
  std::optional<Verdict> verdict;
  std::vector<SeenEvent> events;
  // The connection that the packet names, when there is one.
  std::optional<SeenConnection> connection;
};

// The connection that `spec` belongs to, as seen by its own direction; for an
// ICMP error that of its quote. Nullopt when nothing can have such a name.
std::optional<SeenTuple> TupleOf(const PacketSpec& spec, const Endpoints& endpoints);
// The same of a packet as the tracker is told it.
std::optional<SeenTuple> TupleOf(const Packet& packet);

// An observation as keys and values:
//   verdict    new, established, related, invalid, untracked, table_full, dropped
//   direction  original or reply, of an accepted packet
//   reason     of an INVALID packet, where the tracker tells one
//   state      a TCP or SCTP state, unreplied, replied or assured; none without
//              a connection
//   status     netfilter's status bits but for CONFIRMED, joined by +; - when none
//   timeout    seconds left
//   from       who opened the connection, by role
//   scale, flags, tags, packets, bytes   of both directions: original/reply
//   events     type{status,from,state,scales,flags,tags} or {…,packets,bytes}; what a
//              protocol has not is left out; - when none
//   left       seconds left in each event
using Fields = std::vector<std::pair<std::string, std::string>>;
Fields Describe(const Observation& observation, const Endpoints& endpoints);
// The same where ends have no roles: `from` is what `name` makes of a tuple.
using TupleName = std::function<std::string(const SeenTuple&)>;
Fields Describe(const Observation& observation, const TupleName& name);

// Compares the keys of `expected`; empty when all are equal, else a sentence
// for each that is not. Seconds may differ by `tolerance`. An event without
// {…} stands for any of its type. A reason that only `expected` has is ignored
// when `actual` comes from a kernel: leave it out there.
std::string Difference(const Fields& expected, const Fields& actual, int64_t tolerance);

// The value of a key; empty when absent.
std::string FieldOf(const Fields& fields, const std::string& key);

// Lower-case names as in the lists above.
const char* NameOf(Role role);

}  // namespace conntrack
