#include "client/cli/conntrack/format_xml.h"

#include <ctime>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/label_names.h"

namespace conntrack::cli {
namespace {

template <typename Value>
std::string Element(const char* name, const Value& value) {
  return absl::StrCat("<", name, ">", value, "</", name, ">");
}

std::string Hexadecimal(uint32_t value) { return absl::StrFormat("0x%x", value); }

std::string Transport(v1::Protocol protocol, const v1::Tuple& tuple) {
  switch (tuple.transport_case()) {
    case v1::Tuple::kPorts:
      return Element("sport", tuple.ports().source()) +
             Element("dport", tuple.ports().destination());
    case v1::Tuple::kGre:
      return Element("srckey", Hexadecimal(tuple.gre().source())) +
             Element("dstkey", Hexadecimal(tuple.gre().destination()));
    case v1::Tuple::kIcmp:
      return "";
    case v1::Tuple::TRANSPORT_NOT_SET:
      // As in the lines: DCCP is tracked by its addresses.
      return protocol == v1::PROTOCOL_DCCP ? Element("sport", 0) + Element("dport", 0) : "";
  }
  return "";
}

std::string Direction(const char* name, v1::Protocol protocol, const v1::Tuple& tuple,
                      const v1::Counters* counters) {
  const bool ipv6 = absl::StrContains(tuple.source_address(), ':');
  std::string text = absl::StrCat("<meta direction=\"", name, "\"><layer3 protonum=\"",
                                  ipv6 ? "10" : "2", "\" protoname=\"", ipv6 ? "ipv6" : "ipv4",
                                  "\">", Element("src", tuple.source_address()),
                                  Element("dst", tuple.destination_address()), "</layer3>");
  absl::StrAppend(&text, "<layer4 protonum=\"", int{protocol}, "\" protoname=\"",
                  ConntrackProtocolName(protocol), "\">", Transport(protocol, tuple), "</layer4>");
  if (counters != nullptr) {
    absl::StrAppend(&text, "<counters>", Element("packets", counters->packets()),
                    Element("bytes", counters->bytes()), "</counters>");
  }
  return text + "</meta>";
}

// conntrack(8) 1.4.7 takes the number of an SCTP state for one of TCP, here alone:
// ESTABLISHED is called FIN_WAIT.
std::string State(const v1::Connection& connection) {
  const int number = connection.has_sctp()  ? int{connection.sctp().state()}
                     : connection.has_tcp() ? int{connection.tcp().state()}
                                            : 0;
  if (number == 0) return "";
  const std::string prefix = "TCP_STATE_";
  return Element("state",
                 v1::TcpState_Name(static_cast<v1::TcpState>(number)).substr(prefix.size()));
}

std::string Times(const v1::Connection& connection, const ConntrackParts& parts) {
  constexpr uint64_t kNanosPerSecond = 1'000'000'000;
  const auto nanos = [](const google::protobuf::Timestamp& time) {
    return time.seconds() * kNanosPerSecond + time.nanos();
  };
  const std::string moments =
      absl::StrCat("<timestamp>", Element("start", nanos(connection.create_time())),
                   parts.ended ? Element("stop", nanos(*parts.until)) : "", "</timestamp>");
  return absl::StrCat(parts.moments ? moments : "",
                      Element("deltatime", AgeSeconds(connection, parts)));
}

std::string Independent(const v1::Connection& connection, const ConntrackStyle& style,
                        const ConntrackParts& parts) {
  std::string text = "<meta direction=\"independent\">" + State(connection);
  if (parts.timeout) absl::StrAppend(&text, Element("timeout", connection.timeout().seconds()));
  if (parts.mark) absl::StrAppend(&text, Element("mark", connection.mark()));
  if (style.labels != nullptr && parts.labels && connection.labels_size() > 0) {
    absl::StrAppend(&text, "<labels>");
    for (const std::string& name : style.labels->NamesOf(connection)) {
      absl::StrAppend(&text, Element("label", name));
    }
    absl::StrAppend(&text, "</labels>");
  }
  if (connection.zone() != 0) absl::StrAppend(&text, Element("zone", connection.zone()));
  if (parts.uses != 0) absl::StrAppend(&text, Element("use", parts.uses));
  absl::StrAppend(&text, Element("id", connection.id()));
  if (connection.assured()) absl::StrAppend(&text, "<assured/>");
  if (!connection.seen_reply()) absl::StrAppend(&text, "<unreplied/>");
  if (style.ktimestamp && parts.until.has_value()) absl::StrAppend(&text, Times(connection, parts));
  return text + "</meta>";
}

std::string When(const google::protobuf::Timestamp& time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  localtime_r(&seconds, &parts);
  // The days of the week begin with 1, Sunday.
  return absl::StrCat("<when>", Element("hour", parts.tm_hour), Element("min", parts.tm_min),
                      Element("sec", parts.tm_sec), Element("wday", parts.tm_wday + 1),
                      Element("day", parts.tm_mday), Element("month", parts.tm_mon + 1),
                      Element("year", parts.tm_year + 1900), "</when>");
}

// What is inside of the element.
std::string Content(const v1::Connection& connection, const ConntrackStyle& style,
                    const ConntrackParts& parts) {
  const v1::Protocol protocol = connection.protocol();
  return absl::StrCat(Direction("original", protocol, connection.original(),
                                parts.counters ? &connection.original_counters() : nullptr),
                      Direction("reply", protocol, connection.reply(),
                                parts.counters ? &connection.reply_counters() : nullptr),
                      Independent(connection, style, parts));
}

}  // namespace

std::string ConntrackXml(const v1::Connection& connection, const ConntrackStyle& style,
                         const ConntrackParts& parts) {
  return Element("flow", Content(connection, style, parts));
}

std::string ConntrackXml(const v1::Event& event, const ConntrackStyle& style, bool when) {
  const char* type = event.type() == v1::EVENT_TYPE_NEW      ? "new"
                     : event.type() == v1::EVENT_TYPE_UPDATE ? "update"
                                                             : "destroy";
  return absl::StrCat("<flow type=\"", type, "\">",
                      Content(event.connection(), style, PartsOf(event)),
                      when ? When(event.time()) : "", "</flow>", UserspaceSuffix(event));
}

}  // namespace conntrack::cli
