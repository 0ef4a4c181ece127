#include "tests/differential/connection_lists.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/tracker/tuple.h"

namespace conntrack {
namespace {

std::string ProtocolText(uint8_t protocol) {
  switch (protocol) {
    case kProtocolIcmp:
      return "icmp";
    case kProtocolTcp:
      return "tcp";
    case kProtocolUdp:
      return "udp";
    case kProtocolGre:
      return "gre";
    case kProtocolIcmpv6:
      return "icmpv6";
    case kProtocolSctp:
      return "sctp";
    case kProtocolUdplite:
      return "udplite";
    default:
      return absl::StrCat("protocol ", static_cast<int>(protocol));
  }
}

std::string FlagsText(uint8_t flags) {
  constexpr char kLetters[] = "FSRP.UEC";
  std::string text;
  for (size_t bit = 0; bit < 8; ++bit) {
    if ((flags >> bit & 1) != 0) text += kLetters[bit];
  }
  return text.empty() ? "null" : text;
}

Observation ObservationOf(const SeenConnection& connection) {
  Observation observation;
  observation.connection = connection;
  return observation;
}

std::string NameFor(const SeenTuple& tuple) { return TextOf(tuple); }

}  // namespace

std::string TextOf(const SeenTuple& tuple) {
  const std::string source = FormatAddress(tuple.family, tuple.source);
  const std::string destination = FormatAddress(tuple.family, tuple.destination);
  const std::string protocol = ProtocolText(tuple.protocol);
  if (IsIcmpOf(tuple.family, tuple.protocol)) {
    return absl::StrCat(protocol, " ", source, ">", destination, " type ",
                        static_cast<int>(IcmpType(tuple.ports)), " code ",
                        static_cast<int>(IcmpCode(tuple.ports)), " id ", IcmpId(tuple.ports));
  }
  if (!HasPorts(tuple.protocol)) return absl::StrCat(protocol, " ", source, ">", destination);
  const bool ipv6 = tuple.family == Family::kIpv6;
  const auto end = [&](const std::string& address, uint16_t port) {
    return absl::StrCat(ipv6 ? "[" : "", address, ipv6 ? "]:" : ":", port);
  };
  return absl::StrCat(protocol, " ", end(source, SourcePort(tuple.ports)), ">",
                      end(destination, DestinationPort(tuple.ports)));
}

std::string TextOf(const Packet& packet) {
  std::string text = TextOf(
      SeenTuple{packet.protocol, packet.source, packet.destination, packet.ports, packet.family});
  if (packet.protocol == kProtocolTcp) {
    absl::StrAppend(&text, " ", FlagsText(packet.tcp_flags), " seq ", packet.sequence, " ack ",
                    packet.acknowledgment, " win ", packet.window);
  }
  return absl::StrCat(text, ", ", packet.total_length, " bytes");
}

std::string TextOf(const Totals& totals) {
  std::string text;
  for (size_t i = 0; i < kVerdictKinds; ++i) {
    absl::StrAppend(&text, NameOf(static_cast<VerdictKind>(i)), " ", totals.verdicts[i], ", ");
  }
  const auto count = [&](EventType type) { return totals.events[static_cast<size_t>(type)]; };
  absl::StrAppend(&text, "events new ", count(EventType::kNew), ", update ",
                  count(EventType::kUpdate), ", destroy ", count(EventType::kDestroy));
  return text;
}

std::string NameOfConnection(const SeenTuple& tuple) {
  const std::optional<DirectedKey> key =
      MakeKey(0, tuple.family, tuple.protocol, tuple.source, tuple.destination, tuple.ports);
  if (!key.has_value()) return TextOf(tuple);
  return TextOf(
      SeenTuple{tuple.protocol, key->key.first, key->key.second, key->key.ports, tuple.family});
}

std::string DifferenceOf(const Observation& kernel, const Observation& ours, int64_t tolerance) {
  const Fields expected = Describe(kernel, NameFor);
  const Fields actual = Describe(ours, NameFor);
  std::string difference = Difference(expected, actual, tolerance);
  if (difference.empty()) difference = Difference(actual, expected, tolerance);
  return difference;
}

std::vector<std::string> CompareLists(const std::vector<SeenConnection>& kernel,
                                      const std::vector<SeenConnection>& ours,
                                      const std::set<std::string>& ignored, int64_t tolerance) {
  std::map<std::string, const SeenConnection*> waiting;
  for (const SeenConnection& connection : ours) {
    waiting.emplace(NameOfConnection(connection.original), &connection);
  }
  std::vector<std::string> differences;
  for (const SeenConnection& connection : kernel) {
    const std::string name = NameOfConnection(connection.original);
    const auto found = waiting.find(name);
    if (found == waiting.end()) {
      if (!ignored.contains(name))
        differences.push_back(absl::StrCat("only the kernel has ", name));
      continue;
    }
    const std::string difference =
        DifferenceOf(ObservationOf(connection), ObservationOf(*found->second), tolerance);
    if (!difference.empty() && !ignored.contains(name)) {
      differences.push_back(absl::StrCat("the server's ", name, ": ", difference));
    }
    waiting.erase(found);
  }
  for (const auto& [name, connection] : waiting) {
    if (!ignored.contains(name)) differences.push_back(absl::StrCat("only the server has ", name));
  }
  return differences;
}

}  // namespace conntrack
