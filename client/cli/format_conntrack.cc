#include "client/cli/format_conntrack.h"

#include <algorithm>
#include <ctime>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/label_names.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

constexpr int32_t kNanosPerSecond = 1'000'000'000;

void AppendTuple(v1::Protocol protocol, const v1::Tuple& tuple, std::string* line) {
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
      // DCCP is tracked by its addresses; conntrack(8) expects ports all the same.
      if (protocol == v1::PROTOCOL_DCCP) absl::StrAppend(line, " sport=0 dport=0");
      break;
  }
}

void AppendCounters(const v1::Counters& counters, std::string* line) {
  absl::StrAppend(line, " packets=", counters.packets(), " bytes=", counters.bytes());
}

// As ctime() has it, in the local time zone.
std::string LocalTime(const google::protobuf::Timestamp& time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &parts));
}

void AppendTimes(const v1::Connection& connection, const ConntrackParts& parts, std::string* line) {
  absl::StrAppend(line, " delta-time=", AgeSeconds(connection, parts));
  if (!parts.moments) return;
  absl::StrAppend(line, " [start=", LocalTime(connection.create_time()), "]");
  if (parts.ended) absl::StrAppend(line, " [stop=", LocalTime(*parts.until), "]");
}

}  // namespace

std::string ConntrackProtocolName(v1::Protocol protocol) {
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

std::string UserspaceSuffix(const v1::Event& event) {
  return event.cause() == v1::EVENT_CAUSE_REQUEST ? " [USERSPACE] portid=0" : "";
}

int64_t AgeSeconds(const v1::Connection& connection, const ConntrackParts& parts) {
  const auto& start = connection.create_time();
  const int64_t seconds = parts.until->seconds() - start.seconds();
  return std::max<int64_t>(0, parts.until->nanos() < start.nanos() ? seconds - 1 : seconds);
}

ConntrackParts PartsOf(const v1::Connection& connection, int uses) {
  ConntrackParts parts;
  parts.uses = uses;
  auto& now = parts.until.emplace(connection.expire_time());
  now.set_seconds(now.seconds() - connection.timeout().seconds());
  now.set_nanos(now.nanos() - connection.timeout().nanos());
  if (now.nanos() < 0) {
    now.set_seconds(now.seconds() - 1);
    now.set_nanos(now.nanos() + kNanosPerSecond);
  }
  return parts;
}

ConntrackParts PartsOf(const v1::Event& event) {
  const bool gone = event.type() == v1::EVENT_TYPE_DESTROY || event.type() == v1::EVENT_TYPE_LEFT;
  const bool asked = event.cause() == v1::EVENT_CAUSE_REQUEST;
  const auto& changes = event.changes();
  const bool relabelled =
      std::find(changes.begin(), changes.end(), v1::EVENT_CHANGE_LABELS) != changes.end();
  ConntrackParts parts;
  // The kernel leaves out the timeout of what is gone when nothing is left of
  // it: always, unless something else than time ended the connection.
  parts.timeout = !gone || event.connection().timeout().seconds() > 0;
  parts.counters = gone;
  parts.mark = event.connection().mark() != 0 || (asked && !gone);
  parts.labels = event.type() == v1::EVENT_TYPE_NEW || relabelled;
  parts.tags = !gone;
  parts.uses = 0;
  if (gone) parts.until = event.time();
  parts.ended = gone;
  return parts;
}

std::string ConntrackLine(const v1::Connection& connection, const ConntrackStyle& style,
                          const ConntrackParts& parts) {
  std::string line;
  if (style.extended) {
    line = absl::StrContains(connection.original().source_address(), ':') ? "ipv6     10 "
                                                                          : "ipv4     2 ";
  }
  const v1::Protocol protocol = connection.protocol();
  absl::StrAppendFormat(&line, "%-8s %d", ConntrackProtocolName(protocol),
                        static_cast<int>(protocol));
  if (parts.timeout) absl::StrAppend(&line, " ", connection.timeout().seconds());
  const std::string state = StateText(connection);
  if (!state.empty()) absl::StrAppend(&line, " ", state);
  AppendTuple(protocol, connection.original(), &line);
  if (parts.counters) AppendCounters(connection.original_counters(), &line);
  if (!connection.seen_reply()) absl::StrAppend(&line, " [UNREPLIED]");
  AppendTuple(protocol, connection.reply(), &line);
  if (parts.counters) AppendCounters(connection.reply_counters(), &line);
  if (connection.assured()) absl::StrAppend(&line, " [ASSURED]");
  if (parts.mark) absl::StrAppend(&line, " mark=", connection.mark());
  if (connection.zone() != 0) absl::StrAppend(&line, " zone=", connection.zone());
  if (style.ktimestamp && parts.until.has_value()) AppendTimes(connection, parts, &line);
  if (parts.uses != 0) absl::StrAppend(&line, " use=", parts.uses);
  if (style.id) absl::StrAppend(&line, " id=", connection.id());
  if (style.labels != nullptr && parts.labels) {
    const auto names = style.labels->NamesOf(connection);
    if (!names.empty()) absl::StrAppend(&line, " labels=", absl::StrJoin(names, ","));
  }
  return line;
}

std::string ConntrackEventLine(const v1::Event& event, const ConntrackStyle& style) {
  return absl::StrCat(absl::StrFormat("%9s ", absl::StrCat("[", EventTypeText(event.type()), "]")),
                      ConntrackLine(event.connection(), style, PartsOf(event)),
                      UserspaceSuffix(event));
}

std::string ConntrackLine(const v1::Connection& connection, bool extended) {
  return ConntrackLine(connection, ConntrackStyle{.extended = extended}, ConntrackParts());
}

std::string ConntrackEventLine(const v1::Event& event, bool extended) {
  return ConntrackEventLine(event, ConntrackStyle{.extended = extended});
}

}  // namespace conntrack::cli
