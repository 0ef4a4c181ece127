// What the sensor knows of one packet after decoding: the row of
// proto/conntrack/v1/packet_batch.proto before it is cut into columns, and the
// reasons for which a frame has no such row.
//
// Plain data. A copy may be kept, but what Packet::sctp_chunks shows lives only
// as long as the bytes that were decoded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "client/sensor/bytes.h"

namespace conntrack::sensor {

// Why a frame gives no packet. A host that received the frame would not hand
// it to connection tracking either, except for kCaptureTruncated, where the
// capture and not the packet is at fault.
enum class Discard : uint8_t {
  kNone,
  kNotIp,               // ARP, LLDP, an IP family the link type cannot name, ...
  kLinkHeader,          // The frame ends inside its link-layer header.
  kCaptureTruncated,    // The capture kept too few bytes to tell ports apart.
  kTimestamp,           // Captured before 1970 or after 2262.
  kIpHeader,            // The frame ends inside the fixed IP header.
  kIpVersion,           // The version is not the one the link layer announced.
  kIpv4HeaderLength,    // IHL below 5 words.
  kIpv4Checksum,        // Header checksum wrong.
  kIpv4TotalLength,     // Longer than the frame that carries it.
  kIpv6PayloadLength,   // Longer than the frame that carries it.
  kFragmentMisaligned,  // Brings no byte, or not the last and no 8 of them.
  kFragmentTooLong,     // Ends beyond 65,535 bytes.
  kFragmentOverlap,     // Overlaps another: the whole datagram is given up.
  kFragmentDuplicate,   // Brings only bytes that are already there.
  kFragmentTimeout,     // Its datagram was not complete in time.
  kFragmentMemory,      // No room: too many datagrams, fragments or bytes.
};
inline constexpr size_t kDiscardReasons = static_cast<size_t>(Discard::kFragmentMemory) + 1;

// "ipv4_checksum" and so on: what the summary prints.
const char* DiscardName(Discard reason);

// The values of v1::InvalidReason that a sensor may report; the decoder does
// not depend on the wire. batch.cc checks that the numbers agree.
enum class Malformed : uint8_t {
  kNone = 0,
  kFragment = 1,
  kNetworkHeader = 2,
  kTransportTruncated = 3,
  kTcpHeaderLength = 5,
  kUdpLength = 13,
  kIcmpErrorQuote = 16,
  kSctpChunks = 20,
  kGreVersion = 24,
  kUdpliteCoverage = 25,
};

// Bits 31-24 of PacketBatch.shape, before they are shifted there.
enum ShapeFlag : uint8_t {
  kChecksumBad = 0x01,
  kChecksumUnknown = 0x02,
  kReassembled = 0x04,
  kHasTcpOptions = 0x08,
  kMalformed = 0x10,
  kHopLimit255 = 0x20,
  kSparseRow = 0x40,
};

// Bits of TcpOptionColumns.options above the window scale.
enum TcpOptionFlag : uint32_t {
  kWindowScalePresent = 0x100,
  kSackPermitted = 0x200,
  kSackEdgePresent = 0x400,
};

// Protocol numbers that the decoder looks into (IANA).
enum IpProtocol : uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kTcp = 6,
  kUdp = 17,
  kIpv6Routing = 43,
  kIpv6Fragment = 44,
  kGre = 47,
  kAuthentication = 51,
  kIcmpv6 = 58,
  kIpv6NoNextHeader = 59,
  kDestinationOptions = 60,
  kSctp = 132,
  kUdplite = 136,
};

// Whether checksums are looked at. kIgnore is for captures that were changed
// after they were taken, such as anonymised ones: a wrong IPv4 header is no
// reason to discard, and every transport checksum is unknown.
enum class Checksums : uint8_t { kVerify, kIgnore };

// In network byte order; IPv4 uses the first four bytes.
using Address = std::array<uint8_t, 16>;

// The packet that an ICMP error quotes.
struct Quote {
  Address source;
  Address destination;
  uint32_t ports;  // As Packet::ports.
  uint8_t protocol;
};

// One decoded packet.
struct Packet {
  uint64_t time_unix_ns;
  bool ipv6;
  uint8_t protocol;   // The last next-header value of IPv6.
  uint8_t tcp_flags;  // CWR 0x80 ... FIN 0x01; else 0.
  uint8_t flags;      // ShapeFlag.
  Malformed malformed;
  bool has_quote;                  // `quote` is set.
  uint8_t tcp_header_words;        // Data offset; else 0.
  uint16_t window;                 // As it stands in the header.
  uint32_t total_length;           // From the IP header on, in bytes.
  uint32_t network_header_length;  // IPv6: with all extension headers.
  uint32_t ports;                  // As PacketBatch.ports.
  uint32_t sequence;               // SCTP: the verification tag.
  uint32_t acknowledgment;         // SCTP: the initiate tag of an INIT or INIT ACK.
  uint32_t tcp_options;            // TcpOptionFlag and the scale; 0: no row.
  uint32_t sack_edge;
  Address source;
  Address destination;
  Quote quote;
  // Of an SCTP packet that is not malformed, else none: the captured bytes from
  // the first chunk on, and how many chunks SctpChunks finds there. Not owned.
  Bytes sctp_chunks;
  uint16_t sctp_chunk_count;
};

// A packet of which nothing is known: all zero. It is copied because compilers
// write Packet{} with a string instruction, which takes 10 ns.
extern const Packet kNoPacket;

// How reading a header inside a packet ended.
enum class ReadEnd : uint8_t {
  kRead,
  kNothing,           // There is none.
  kMalformed,         // It breaks a rule.
  kCaptureTruncated,  // The capture ends first.
};

// Gives the packet its reason. Returns kNone: a malformed packet is a packet.
inline Discard MarkMalformed(Malformed reason, Packet& packet) {
  packet.malformed = reason;
  packet.flags |= kMalformed;
  return Discard::kNone;
}

}  // namespace conntrack::sensor
