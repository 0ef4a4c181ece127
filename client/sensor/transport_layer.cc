#include "client/sensor/transport_layer.h"

#include "client/sensor/checksum.h"
#include "client/sensor/icmp.h"
#include "client/sensor/sctp.h"
#include "client/sensor/tcp_options.h"

namespace conntrack::sensor {
namespace {

constexpr uint32_t kTcpHeaderBytes = 20;
constexpr uint32_t kUdpHeaderBytes = 8;

// The checksum of the whole segment, when the capture has the whole segment.
uint8_t CheckWhole(const Packet& packet, Bytes captured, uint32_t length, Checksums checksums,
                   uint32_t field_offset) {
  if (checksums == Checksums::kIgnore || captured.size() < length) return kChecksumUnknown;
  return CheckSegment(packet, packet.protocol, captured, field_offset);
}

Discard ParseTcp(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  if (length < kTcpHeaderBytes) return MarkMalformed(Malformed::kTransportTruncated, packet);
  if (captured.size() < kTcpHeaderBytes) return Discard::kCaptureTruncated;
  packet.ports = Load32(captured, 0);
  packet.sequence = Load32(captured, 4);
  packet.acknowledgment = Load32(captured, 8);
  packet.tcp_header_words = captured[12] >> 4;
  packet.tcp_flags = captured[13];
  packet.window = Load16(captured, 14);
  const uint32_t header_length = packet.tcp_header_words * 4u;
  if (header_length < kTcpHeaderBytes || header_length > length) {
    return MarkMalformed(Malformed::kTcpHeaderLength, packet);
  }
  if (header_length > kTcpHeaderBytes) {
    packet.flags |= kHasTcpOptions;
    ParseTcpOptions(FirstBytes(captured, header_length).subspan(kTcpHeaderBytes), packet);
  }
  packet.flags |= CheckWhole(packet, captured, length, checksums, 16);
  return Discard::kNone;
}

Discard ParseUdp(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  if (length < kUdpHeaderBytes) return MarkMalformed(Malformed::kTransportTruncated, packet);
  if (captured.size() < kUdpHeaderBytes) return Discard::kCaptureTruncated;
  packet.ports = Load32(captured, 0);
  const uint32_t udp_length = Load16(captured, 4);
  if (udp_length < kUdpHeaderBytes || udp_length > length) {
    return MarkMalformed(Malformed::kUdpLength, packet);
  }
  // 0: the sender made no checksum.
  if (Load16(captured, 6) != 0) packet.flags |= CheckWhole(packet, captured, length, checksums, 6);
  return Discard::kNone;
}

Discard ParseUdplite(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  if (length < kUdpHeaderBytes) return MarkMalformed(Malformed::kTransportTruncated, packet);
  if (captured.size() < kUdpHeaderBytes) return Discard::kCaptureTruncated;
  packet.ports = Load32(captured, 0);
  const uint32_t coverage = Load16(captured, 4);
  if (coverage != 0 && (coverage < kUdpHeaderBytes || coverage > length)) {
    return MarkMalformed(Malformed::kUdpliteCoverage, packet);
  }
  const uint32_t covered = coverage == 0 ? length : coverage;
  if (checksums == Checksums::kIgnore || captured.size() < covered) {
    packet.flags |= kChecksumUnknown;
    return Discard::kNone;
  }
  // RFC 3828 3.1: the pseudo-header names the length of the packet, not of what
  // the checksum covers; 0 is not a checksum.
  const uint64_t sum =
      PseudoHeaderSum(packet, packet.protocol, length) + SumWords(captured.first(covered));
  if (Load16(captured, 6) == 0 || !ChecksumHolds(sum)) packet.flags |= kChecksumBad;
  return Discard::kNone;
}

// Version 0 has no ports. Version 1 is PPTP's: it must carry PPP (RFC 2637 4.1).
Discard ParseGre(Bytes captured, uint32_t length, Packet& packet) {
  constexpr uint16_t kPpp = 0x880b;
  if (length < 4) return Discard::kNone;
  if (captured.size() < 4) return Discard::kCaptureTruncated;
  if ((captured[1] & 0x07) == 1 && Load16(captured, 2) != kPpp) {
    return MarkMalformed(Malformed::kGreVersion, packet);
  }
  return Discard::kNone;
}

}  // namespace

Discard ParseTransportLayer(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  switch (packet.protocol) {
    case kTcp:
      return ParseTcp(captured, length, checksums, packet);
    case kUdp:
      return ParseUdp(captured, length, checksums, packet);
    case kIcmp:
    case kIcmpv6:
      return ParseIcmp(captured, length, checksums, packet);
    case kUdplite:
      return ParseUdplite(captured, length, checksums, packet);
    case kGre:
      return ParseGre(captured, length, packet);
    case kSctp:
      return ParseSctp(captured, length, checksums, packet);
    default:
      return Discard::kNone;
  }
}

}  // namespace conntrack::sensor
