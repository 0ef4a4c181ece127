#include "client/cli/format_conntrack.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

// conntrack(8) names the protocols that the kernel tracks by their own rules.
std::string ProtocolName(v1::Protocol protocol) {
  switch (protocol) {
    case v1::PROTOCOL_TCP:
    case v1::PROTOCOL_UDP:
    case v1::PROTOCOL_UDPLITE:
    case v1::PROTOCOL_ICMP:
    case v1::PROTOCOL_ICMPV6:
    case v1::PROTOCOL_SCTP:
    case v1::PROTOCOL_DCCP:
    case v1::PROTOCOL_GRE:
      return ProtocolText(protocol);
    default:
      return "unknown";
  }
}

void AppendTuple(const v1::Tuple& tuple, std::string* line) {
  absl::StrAppend(line, " src=", tuple.source_address(), " dst=", tuple.destination_address());
  switch (tuple.transport_case()) {
    case v1::Tuple::kPorts:
      absl::StrAppend(line, " sport=", tuple.ports().source(),
                      " dport=", tuple.ports().destination());
      break;
    case v1::Tuple::kIcmp:
      absl::StrAppend(line, " type=", tuple.icmp().type(), " code=", tuple.icmp().code(),
                      " id=", tuple.icmp().id());
      break;
    case v1::Tuple::kGre:
      absl::StrAppendFormat(line, " srckey=0x%x dstkey=0x%x", tuple.gre().source(),
                            tuple.gre().destination());
      break;
    case v1::Tuple::TRANSPORT_NOT_SET:
      break;
  }
}

void AppendCounters(const v1::Counters& counters, std::string* line) {
  absl::StrAppend(line, " packets=", counters.packets(), " bytes=", counters.bytes());
}

struct Parts {
  bool timeout = true;
  bool counters = true;
  bool zero_mark = true;
  bool use = true;
};

std::string Line(const v1::Connection& connection, bool extended, const Parts& parts) {
  std::string line;
  if (extended) {
    line = absl::StrContains(connection.original().source_address(), ':') ? "ipv6     10 "
                                                                          : "ipv4     2 ";
  }
  absl::StrAppendFormat(&line, "%-8s %d", ProtocolName(connection.protocol()),
                        static_cast<int>(connection.protocol()));
  if (parts.timeout) absl::StrAppend(&line, " ", connection.timeout().seconds());
  const std::string state = StateText(connection);
  if (!state.empty()) absl::StrAppend(&line, " ", state);
  AppendTuple(connection.original(), &line);
  if (parts.counters) AppendCounters(connection.original_counters(), &line);
  if (!connection.seen_reply()) absl::StrAppend(&line, " [UNREPLIED]");
  AppendTuple(connection.reply(), &line);
  if (parts.counters) AppendCounters(connection.reply_counters(), &line);
  if (connection.assured()) absl::StrAppend(&line, " [ASSURED]");
  if (parts.zero_mark || connection.mark() != 0) {
    absl::StrAppend(&line, " mark=", connection.mark());
  }
  if (connection.zone() != 0) absl::StrAppend(&line, " zone=", connection.zone());
  // The kernel's reference count, which means nothing here.
  if (parts.use) absl::StrAppend(&line, " use=1");
  return line;
}

}  // namespace

std::string ConntrackLine(const v1::Connection& connection, bool extended) {
  return Line(connection, extended, Parts());
}

std::string ConntrackEventLine(const v1::Event& event, bool extended) {
  const bool gone = event.type() == v1::EVENT_TYPE_DESTROY || event.type() == v1::EVENT_TYPE_LEFT;
  Parts parts;
  // The kernel leaves out the timeout of what is gone when nothing is left of
  // it: always, unless something else than time ended the connection.
  parts.timeout = !gone || event.connection().timeout().seconds() > 0;
  parts.counters = gone;
  parts.zero_mark = false;
  parts.use = false;
  return absl::StrFormat("%9s ", absl::StrCat("[", EventTypeText(event.type()), "]")) +
         Line(event.connection(), extended, parts);
}

}  // namespace conntrack::cli
