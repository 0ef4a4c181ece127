#include "client/sensor/transport_layer.h"

#include "client/sensor/checksum.h"
#include "client/sensor/gre.h"
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

// The checksum of the first `covered` bytes. The pseudo-header names the length
// of the packet, not of what is covered (RFC 3828 3.1).
//
// Linux 6.18 sums the pseudo-header with the number of UDP, and so calls every
// right packet INVALID where it verifies sums. Here the RFC decides.
uint8_t CheckUdplite(const Packet& packet, Bytes captured, uint32_t length, uint32_t covered) {
  if (captured.size() < covered) return kChecksumUnknown;
  const uint64_t pseudo = PseudoHeaderSum(packet, packet.protocol, length);
  return ChecksumHolds(pseudo + SumWords(captured.first(covered))) ? 0 : kChecksumBad;
}

Discard ParseUdplite(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  if (length < kUdpHeaderBytes) return MarkMalformed(Malformed::kTransportTruncated, packet);
  if (captured.size() < kUdpHeaderBytes) return Discard::kCaptureTruncated;
  packet.ports = Load32(captured, 0);
  const uint32_t coverage = Load16(captured, 4);
  if (coverage != 0 && (coverage < kUdpHeaderBytes || coverage > length)) {
    return MarkMalformed(Malformed::kUdpliteCoverage, packet);
  }
  if (checksums == Checksums::kIgnore) {
    packet.flags |= kChecksumUnknown;
    return Discard::kNone;
  }
  // RFC 3828 3.1: there must be a checksum, and 0 is none. Netfilter refuses the
  // packet for it even where it verifies no sum.
  if (Load16(captured, 6) == 0) return MarkMalformed(Malformed::kUdpliteCoverage, packet);
  packet.flags |= CheckUdplite(packet, captured, length, coverage == 0 ? length : coverage);
  return Discard::kNone;
}

Discard ParseGre(Bytes captured, uint32_t length, Packet& packet) {
  const ReadEnd end = ReadGre(captured, length, packet.ports);
  if (end == ReadEnd::kCaptureTruncated) return Discard::kCaptureTruncated;
  if (end == ReadEnd::kMalformed) return MarkMalformed(Malformed::kGreVersion, packet);
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
