// Keys: how both directions of a connection come to one entry, and in which
// slot it lives.
//
// A key holds the two ends in canonical order, so a packet and its answer make
// the same key; `from_first` says which end sent the packet. For ICMP queries
// the first end is the one that asked, because the same id asked from the other
// side is another connection.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "server/tracker/packet.h"

namespace conntrack {

// Index of a zone in its tracker: dense, given in the order zones are made.
using ZoneIndex = uint16_t;

struct Key {
  Address first;
  Address second;
  // The first end's port in the high half; ICMP: type, code and id of the query;
  // GRE: a call id stands where its receiver's port would.
  uint32_t ports = 0;
  ZoneIndex zone = 0;
  uint8_t protocol = 0;
  Family family = Family::kIpv4;

  friend bool operator==(const Key&, const Key&) = default;
};

struct AddressPair {
  Address first;
  Address second;

  friend bool operator==(const AddressPair&, const AddressPair&) = default;
};

// A key as a record keeps it, in two words that are compared at once: the
// addresses of IPv4 (0 for IPv6); ports, zone, protocol, and a bit that says that
// the record is in use.
struct KeyWords {
  uint64_t addresses = 0;
  uint64_t rest = 0;

  friend bool operator==(const KeyWords&, const KeyWords&) = default;
};

constexpr uint64_t RestWord(uint32_t ports, ZoneIndex zone, uint8_t protocol) {
  return ports | uint64_t{zone} << 32 | uint64_t{protocol} << 48 | uint64_t{1} << 56;
}
constexpr KeyWords WordsOf(const Key& key) {
  const uint64_t rest = RestWord(key.ports, key.zone, key.protocol);
  return {key.family == Family::kIpv6 ? 0 : key.first.low | key.second.low << 32, rest};
}

// A key, and which way the packet went.
struct DirectedKey {
  Key key;
  bool from_first = true;
};

// True when a packet of this key and its answer look the same: one address and
// one port at both ends, or one address and no ports.
constexpr bool IsSymmetric(const Key& key) {
  return key.first == key.second && key.ports >> 16 == (key.ports & 0xFFFF) &&
         key.protocol != (key.family == Family::kIpv4 ? kProtocolIcmp : kProtocolIcmpv6);
}

// True for protocols whose connections are told apart by ports.
constexpr bool HasPorts(uint8_t protocol) {
  return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kProtocolSctp ||
         protocol == kProtocolUdplite;
}
// True for ICMP in IPv4 and ICMPv6 in IPv6.
constexpr bool IsIcmpOf(Family family, uint8_t protocol) {
  return protocol == (family == Family::kIpv4 ? kProtocolIcmp : kProtocolIcmpv6);
}

// The ICMP (or ICMPv6) type that answers `type`, or asks for it. Nullopt when
// the type is neither query nor answer.
std::optional<uint8_t> InverseIcmpType(Family family, uint8_t type);
// True when `type` asks a question: its packets can start a connection.
bool IsIcmpQuery(Family family, uint8_t type);

// MakeKey for ICMP.
std::optional<DirectedKey> MakeIcmpKey(ZoneIndex zone, Family family, uint8_t protocol,
                                       const Address& source, const Address& destination,
                                       uint32_t ports);

// The key of a packet with these addresses. Nullopt when it can belong to no
// connection: an ICMP type that is neither query nor answer.
inline std::optional<DirectedKey> MakeKey(ZoneIndex zone, Family family, uint8_t protocol,
                                          const Address& source, const Address& destination,
                                          uint32_t ports) {
  if (IsIcmpOf(family, protocol)) {
    return MakeIcmpKey(zone, family, protocol, source, destination, ports);
  }
  if (!HasPorts(protocol) && protocol != kProtocolGre) ports = 0;
  const bool swap =
      destination < source || (destination == source && DestinationPort(ports) < SourcePort(ports));
  if (!swap) return DirectedKey{{source, destination, ports, zone, protocol, family}, true};
  return DirectedKey{{destination, source, std::rotl(ports, 16), zone, protocol, family}, false};
}

// The key of a packet, and of what an ICMP error quotes.
inline std::optional<DirectedKey> KeyOf(ZoneIndex zone, const Packet& packet) {
  return MakeKey(zone, packet.family, packet.protocol, packet.source, packet.destination,
                 packet.ports);
}
inline std::optional<DirectedKey> KeyOfQuote(ZoneIndex zone, const Packet& packet) {
  const Quote& quote = *packet.quote;
  return MakeKey(zone, packet.family, quote.protocol, quote.source, quote.destination, quote.ports);
}

}  // namespace conntrack
