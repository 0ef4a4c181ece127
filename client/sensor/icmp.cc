#include "client/sensor/icmp.h"

#include "client/sensor/checksum.h"
#include "client/sensor/gre.h"
#include "client/sensor/network_layer.h"

namespace conntrack::sensor {
namespace {

constexpr uint32_t kIcmpHeaderBytes = 8;
constexpr uint8_t kRedirectIpv6 = 137;
// Of an ICMPv6 redirect, before its options.
constexpr uint32_t kRedirectIpv6Bytes = 40;

bool HasId(bool ipv6, uint8_t type) {
  if (ipv6) return type == 128 || type == 129 || type == 139 || type == 140;
  return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

bool IsError(bool ipv6, uint8_t type) {
  if (ipv6) return type < 128;
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

uint32_t IcmpPorts(bool ipv6, Bytes header) {
  const uint32_t type_and_code = static_cast<uint32_t>(Load16(header, 0)) << 16;
  return HasId(ipv6, header[0]) ? type_and_code | Load16(header, 4) : type_and_code;
}

// Bytes of the quoted transport header without which a quote names no
// connection: ports, or type, code and id. GRE is read as in a packet.
uint32_t QuotedBytesNeeded(bool ipv6, uint8_t protocol) {
  if (protocol == kTcp || protocol == kUdp || protocol == kUdplite || protocol == kSctp) return 4;
  return protocol == (ipv6 ? kIcmpv6 : kIcmp) ? kIcmpHeaderBytes : 0;
}

ReadEnd Lacks(Bytes captured, uint32_t length, uint32_t needed) {
  if (length < needed) return ReadEnd::kMalformed;
  return captured.size() < needed ? ReadEnd::kCaptureTruncated : ReadEnd::kRead;
}

ReadEnd ReadQuotedTransport(bool ipv6, Bytes captured, uint32_t length, Quote& quote) {
  if (quote.protocol == kGre) return ReadGre(captured, length, quote.ports);
  const uint32_t needed = QuotedBytesNeeded(ipv6, quote.protocol);
  if (needed == 0) return ReadEnd::kRead;
  if (ReadEnd lack = Lacks(captured, length, needed); lack != ReadEnd::kRead) return lack;
  quote.ports = needed == 4 ? Load32(captured, 0) : IcmpPorts(ipv6, captured);
  return ReadEnd::kRead;
}

ReadEnd ReadQuotedIpv4(Bytes captured, uint32_t length, Quote& quote) {
  if (ReadEnd lack = Lacks(captured, length, 20); lack != ReadEnd::kRead) return lack;
  const uint32_t header_length = (captured[0] & 0x0f) * 4u;
  if (captured[0] >> 4 != 4 || header_length < 20 || header_length > length) {
    return ReadEnd::kMalformed;
  }
  if ((Load16(captured, 6) & 0x1fff) != 0) return ReadEnd::kMalformed;
  quote.protocol = captured[9];
  std::memcpy(quote.source.data(), captured.data() + 12, 4);
  std::memcpy(quote.destination.data(), captured.data() + 16, 4);
  return ReadQuotedTransport(false, SkipBytes(captured, header_length), length - header_length,
                             quote);
}

ReadEnd ReadQuotedIpv6(Bytes captured, uint32_t length, Quote& quote) {
  if (ReadEnd lack = Lacks(captured, length, 40); lack != ReadEnd::kRead) return lack;
  if (captured[0] >> 4 != 6) return ReadEnd::kMalformed;
  std::memcpy(quote.source.data(), captured.data() + 8, 16);
  std::memcpy(quote.destination.data(), captured.data() + 24, 16);
  quote.protocol = captured[6];
  captured = captured.subspan(40);
  length -= 40;
  const Ipv6Chain chain = FollowIpv6Chain(quote.protocol, captured, length, Reassembly::kAfter);
  if (chain.end == Ipv6Chain::End::kCaptureTruncated) return ReadEnd::kCaptureTruncated;
  // A later fragment has no ports.
  if (chain.end != Ipv6Chain::End::kUpperLayer) return ReadEnd::kMalformed;
  quote.protocol = chain.protocol;
  captured = SkipBytes(captured, chain.length);
  length -= chain.length;
  return ReadQuotedTransport(true, captured, length, quote);
}

// A redirect quotes inside its first option, when that is a redirected header.
ReadEnd ReadRedirectIpv6(Bytes captured, uint32_t length, Quote& quote) {
  constexpr uint8_t kRedirectedHeader = 4;
  if (captured[1] != 0) return ReadEnd::kNothing;
  if (ReadEnd lack = Lacks(captured, length, kRedirectIpv6Bytes + 2); lack != ReadEnd::kRead) {
    return lack;
  }
  if (captured[kRedirectIpv6Bytes + 1] == 0) return ReadEnd::kMalformed;
  if (captured[kRedirectIpv6Bytes] != kRedirectedHeader) return ReadEnd::kNothing;
  constexpr uint32_t kQuoteOffset = kRedirectIpv6Bytes + 8;
  if (length < kQuoteOffset) return ReadEnd::kMalformed;
  return ReadQuotedIpv6(SkipBytes(captured, kQuoteOffset), length - kQuoteOffset, quote);
}

ReadEnd ReadQuote(Bytes captured, uint32_t length, const Packet& packet, Quote& quote) {
  if (packet.ipv6 && captured[0] == kRedirectIpv6) {
    return ReadRedirectIpv6(captured, length, quote);
  }
  if (!IsError(packet.ipv6, captured[0])) return ReadEnd::kNothing;
  const Bytes quoted = captured.subspan(kIcmpHeaderBytes);
  const uint32_t quoted_length = length - kIcmpHeaderBytes;
  return packet.ipv6 ? ReadQuotedIpv6(quoted, quoted_length, quote)
                     : ReadQuotedIpv4(quoted, quoted_length, quote);
}

uint8_t CheckIcmp(const Packet& packet, Bytes captured, uint32_t length, Checksums checksums) {
  if (checksums == Checksums::kIgnore || captured.size() < length) return kChecksumUnknown;
  // Nothing leaves the checksum of ICMP to the card: no value excuses it.
  uint64_t sum = SumWords(captured);
  if (packet.ipv6) sum += PseudoHeaderSum(packet, kIcmpv6, length);
  return ChecksumHolds(sum) ? 0 : kChecksumBad;
}

}  // namespace

Discard ParseIcmp(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  if (length < kIcmpHeaderBytes) {
    return MarkMalformed(Malformed::kTransportTruncated, packet);
  }
  if (captured.size() < kIcmpHeaderBytes) return Discard::kCaptureTruncated;
  packet.ports = IcmpPorts(packet.protocol == kIcmpv6, captured);
  if (packet.ipv6 != (packet.protocol == kIcmpv6)) return Discard::kNone;
  packet.flags |= CheckIcmp(packet, captured, length, checksums);
  packet.quote = Quote{};
  switch (ReadQuote(captured, length, packet, packet.quote)) {
    case ReadEnd::kRead:
      packet.has_quote = true;
      break;
    case ReadEnd::kMalformed:
      return MarkMalformed(Malformed::kIcmpErrorQuote, packet);
    case ReadEnd::kCaptureTruncated:
      return Discard::kCaptureTruncated;
    case ReadEnd::kNothing:
      break;
  }
  return Discard::kNone;
}

}  // namespace conntrack::sensor
