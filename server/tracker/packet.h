// Packet is one packet's metadata: everything the tracker needs to decide, and
// nothing of the payload. Plain data; one instance is 96 bytes.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "server/tracker/time.h"
#include "server/tracker/verdict.h"

namespace conntrack {

enum class Family : uint8_t { kIpv4 = 4, kIpv6 = 6 };

// IANA protocol numbers the tracker knows by name.
inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolGre = 47;
inline constexpr uint8_t kProtocolIcmpv6 = 58;
inline constexpr uint8_t kProtocolSctp = 132;
inline constexpr uint8_t kProtocolUdplite = 136;

// An IPv4 or IPv6 address as a number: ordered as its bytes are in network
// order. IPv4 uses the low 32 bits of `low`; the family is kept beside it.
struct Address {
  uint64_t high = 0;
  uint64_t low = 0;

  friend constexpr auto operator<=>(const Address&, const Address&) = default;
};

constexpr Address Ipv4Address(uint32_t value) { return {0, value}; }

// TCP flag byte.
namespace tcp_flag {
inline constexpr uint8_t kFin = 0x01;
inline constexpr uint8_t kSyn = 0x02;
inline constexpr uint8_t kRst = 0x04;
inline constexpr uint8_t kPsh = 0x08;
inline constexpr uint8_t kAck = 0x10;
inline constexpr uint8_t kUrg = 0x20;
inline constexpr uint8_t kEce = 0x40;
inline constexpr uint8_t kCwr = 0x80;
}  // namespace tcp_flag

// Bits of Packet::flags; the values are those of PacketBatch.shape.
namespace packet_flag {
inline constexpr uint8_t kChecksumBad = 0x01;
inline constexpr uint8_t kChecksumUnknown = 0x02;
inline constexpr uint8_t kReassembled = 0x04;
inline constexpr uint8_t kHasOptions = 0x08;
inline constexpr uint8_t kMalformed = 0x10;
inline constexpr uint8_t kHopLimit255 = 0x20;
}  // namespace packet_flag

// Bits of Packet::tcp_options.
namespace tcp_option {
inline constexpr uint8_t kWindowScale = 0x01;
inline constexpr uint8_t kSackPermitted = 0x02;
inline constexpr uint8_t kSackEdge = 0x04;
}  // namespace tcp_option

// The ports word of packets, quotes and keys: source and destination port, or
// ICMP type, code and id, or the call id of GRE, as on the wire of
// PacketBatch.ports.
constexpr uint32_t PortsWord(uint16_t source, uint16_t destination) {
  return uint32_t{source} << 16 | destination;
}
constexpr uint16_t SourcePort(uint32_t ports) { return static_cast<uint16_t>(ports >> 16); }
constexpr uint16_t DestinationPort(uint32_t ports) { return static_cast<uint16_t>(ports); }
constexpr uint32_t IcmpWord(uint8_t type, uint8_t code, uint16_t id) {
  return uint32_t{type} << 24 | uint32_t{code} << 16 | id;
}
constexpr uint8_t IcmpType(uint32_t ports) { return static_cast<uint8_t>(ports >> 24); }
constexpr uint8_t IcmpCode(uint32_t ports) { return static_cast<uint8_t>(ports >> 16); }
constexpr uint16_t IcmpId(uint32_t ports) { return static_cast<uint16_t>(ports); }

// The packet that an ICMP error quotes; of the same family as the error.
struct Quote {
  Address source;
  Address destination;
  uint32_t ports = 0;
  uint8_t protocol = 0;
};

// Chunk types of SCTP that a tracker has rules for (RFC 9260 3.2).
namespace sctp_chunk {
inline constexpr uint8_t kData = 0;
inline constexpr uint8_t kInit = 1;
inline constexpr uint8_t kInitAck = 2;
inline constexpr uint8_t kHeartbeat = 4;
inline constexpr uint8_t kHeartbeatAck = 5;
inline constexpr uint8_t kAbort = 6;
inline constexpr uint8_t kShutdown = 7;
inline constexpr uint8_t kShutdownAck = 8;
inline constexpr uint8_t kError = 9;
inline constexpr uint8_t kCookieEcho = 10;
inline constexpr uint8_t kCookieAck = 11;
inline constexpr uint8_t kShutdownComplete = 14;
}  // namespace sctp_chunk

// One chunk of an SCTP packet (RFC 9260 3.2).
struct SctpChunk {
  uint8_t type = 0;
  uint8_t flags = 0;

  friend constexpr bool operator==(const SctpChunk&, const SctpChunk&) = default;
};

// What tracking reads of most packets lies together at the end, never on two cache
// lines, wherever in an array the packet stands.
struct alignas(32) Packet {
  // When the sensor saw it.
  Time time;
  Address source;
  Address destination;
  // What an ICMP error quotes; null for every other packet. Not owned: lives
  // as long as the call that takes the packet.
  const Quote* quote = nullptr;
  // The chunks of an SCTP packet, in its order; null for every other packet. Not
  // owned, as `quote`.
  const SctpChunk* sctp_chunks = nullptr;
  // How many `sctp_chunks` there are.
  uint16_t sctp_chunk_count = 0;
  // Valid when `flags` has kMalformed.
  InvalidReason malformed = InvalidReason::kNone;
  // As announced; valid when `tcp_options` has kWindowScale.
  uint8_t window_scale = 0;
  uint32_t ports = 0;

  // SCTP: the verification tag.
  uint32_t sequence = 0;
  // SCTP: the initiate tag of an INIT or INIT ACK.
  uint32_t acknowledgment = 0;
  // Valid when `tcp_options` has kSackEdge.
  uint32_t sack_edge = 0;
  // IP header and all that follows, in bytes.
  uint32_t total_length = 0;
  // What follows the transport header, in bytes. Set for TCP only.
  uint32_t payload_length = 0;
  // As in the header, unscaled.
  uint16_t window = 0;
  Family family = Family::kIpv4;
  uint8_t protocol = 0;
  uint8_t tcp_flags = 0;
  uint8_t tcp_options = 0;
  uint8_t flags = 0;

  std::span<const SctpChunk> chunks() const { return {sctp_chunks, sctp_chunk_count}; }
};
static_assert(sizeof(Packet) == 96 && offsetof(Packet, sequence) == 64);

}  // namespace conntrack
