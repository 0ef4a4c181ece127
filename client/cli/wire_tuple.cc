#include "client/cli/wire_tuple.h"

#include <arpa/inet.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace conntrack::cli {
namespace {

constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;

// In network byte order; as long as its family says.
absl::StatusOr<std::string> AddressBytes(const std::string& text) {
  const bool ipv6 = absl::StrContains(text, ':');
  std::string bytes(ipv6 ? kIpv6Bytes : kIpv4Bytes, '\0');
  if (inet_pton(ipv6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not an address"));
  }
  return bytes;
}

uint32_t Ipv4(const std::string& bytes) {
  uint32_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

uint32_t PortsOf(const v1::Tuple& tuple) {
  if (tuple.has_icmp()) {
    return tuple.icmp().type() << 24 | tuple.icmp().code() << 16 | tuple.icmp().id();
  }
  if (tuple.has_gre()) return tuple.gre().source() << 16 | tuple.gre().destination();
  return tuple.ports().source() << 16 | tuple.ports().destination();
}

}  // namespace

absl::StatusOr<WireTuple> WireTuple::Of(const v1::ConnectionKey& key) {
  const auto source = AddressBytes(key.tuple().source_address());
  if (!source.ok()) return source.status();
  const auto destination = AddressBytes(key.tuple().destination_address());
  if (!destination.ok()) return destination.status();
  if (source->size() != destination->size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("source ", key.tuple().source_address(), " and destination ",
                     key.tuple().destination_address(), " are of different families"));
  }
  WireTuple tuple;
  tuple.ports = PortsOf(key.tuple());
  if (source->size() == kIpv4Bytes) {
    tuple.source = Ipv4(*source);
    tuple.destination = Ipv4(*destination);
  } else {
    tuple.layout = v1::PACKET_LAYOUT_IPV6;
    tuple.source_ipv6 = *source;
    tuple.destination_ipv6 = *destination;
  }
  return tuple;
}

}  // namespace conntrack::cli
