// Connections and events as conntrack(8) of conntrack-tools 1.4.7 prints them,
// to the space, so that what reads its output reads ours. client/cli/conntrack
// has its other formats, save and XML.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <string>

#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

class LabelNames;

// What a line tells of a connection. Listings tell all; events of the kernel
// tell less.
struct ConntrackParts {
  bool timeout = true;
  bool counters = true;
  bool mark = true;
  bool labels = true;
  // The verification tags of SCTP.
  bool tags = true;
  // The kernel's reference count, which means nothing here: 1 in a listing, 2
  // where one entry was asked for. 0: it is not told.
  int uses = 1;
  // Until when its age is counted. Absent: times are not told.
  std::optional<google::protobuf::Timestamp> until;
  // When it began and ended; else its age alone.
  bool moments = true;
  // It ended then.
  bool ended = false;
};

// The parts of a listing or an answer. Its age is counted until now, on the
// clock of its zone.
ConntrackParts PartsOf(const v1::Connection& connection, int uses);

// The parts of an event. The kernel carries counters and times only at the end
// of a connection, and a mark of 0 and labels only when someone may have set
// them.
ConntrackParts PartsOf(const v1::Event& event);

// What was asked to be told.
struct ConntrackStyle {
  bool extended = false;
  bool id = false;
  // Times and age, as with nf_conntrack_timestamp=1.
  bool ktimestamp = false;
  // How labels are called; must outlive the call. nullptr: labels are not told.
  const LabelNames* labels = nullptr;
};

// One line, without its end.
std::string ConntrackLine(const v1::Connection& connection, const ConntrackStyle& style,
                          const ConntrackParts& parts);

// One line of `conntrack -E`. LEFT, which the kernel does not have, is printed
// like DESTROY.
std::string ConntrackEventLine(const v1::Event& event, const ConntrackStyle& style);

// The same in the two formats that all verbs have: `conntrack -L` and `conntrack
// -E`, or with `extended` that of `-o extended`.
std::string ConntrackLine(const v1::Connection& connection, bool extended);
std::string ConntrackEventLine(const v1::Event& event, bool extended);

// What conntrack(8) calls a protocol: by its name when the kernel tracks it by
// rules of its own, else "unknown".
std::string ConntrackProtocolName(v1::Protocol protocol);

// " [USERSPACE] portid=0" when a user asked for the change, else nothing. Who it
// was is not known here; the kernel names its netlink port.
std::string UserspaceSuffix(const v1::Event& event);

// The age in whole seconds. REQUIRES: parts.until.
int64_t AgeSeconds(const v1::Connection& connection, const ConntrackParts& parts);

}  // namespace conntrack::cli
