#include "client/sensor/link_layer.h"

namespace conntrack::sensor {
namespace {

// What is left of a frame while its headers are taken off.
struct Rest {
  Bytes captured;
  uint32_t original_length;

  // Why `count` bytes cannot be read; kNone when they can.
  Discard Lacks(size_t count) const {
    if (captured.size() >= count) return Discard::kNone;
    return original_length < count ? Discard::kLinkHeader : Discard::kCaptureTruncated;
  }

  // REQUIRES: Lacks(count) == kNone.
  Rest Skip(size_t count) const {
    return {captured.subspan(count), original_length - static_cast<uint32_t>(count)};
  }
};

// EtherTypes (IEEE), and the two of them that PPP numbers differently.
constexpr uint16_t kTypeIpv4 = 0x0800;
constexpr uint16_t kTypeIpv6 = 0x86dd;
constexpr uint16_t kTypeMplsUnicast = 0x8847;
constexpr uint16_t kTypeMplsMulticast = 0x8848;
constexpr uint16_t kTypePppoeSession = 0x8864;
constexpr uint16_t kPppIpv4 = 0x0021;
constexpr uint16_t kPppIpv6 = 0x0057;

// More tags or labels than any network uses; a bound on the work.
constexpr int kTagsMax = 16;

bool IsVlanTag(uint16_t type) {
  return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200;
}

LinkPayload Discarded(Discard reason) { return {reason, IpFamily::kByVersion, {}, 0}; }

LinkPayload Found(IpFamily family, const Rest& rest) {
  return {Discard::kNone, family, rest.captured, rest.original_length};
}

LinkPayload ParseMpls(Rest rest) {
  for (int labels = 0; labels < kTagsMax; ++labels) {
    if (Discard lack = rest.Lacks(4); lack != Discard::kNone) return Discarded(lack);
    const bool last = (rest.captured[2] & 1) != 0;
    rest = rest.Skip(4);
    if (!last) continue;
    // The label alone says what follows; the first nibble is the usual guess,
    // and a pseudowire's control word is neither 4 nor 6.
    if (Discard lack = rest.Lacks(1); lack != Discard::kNone) return Discarded(lack);
    const int version = rest.captured[0] >> 4;
    if (version != 4 && version != 6) return Discarded(Discard::kNotIp);
    return Found(version == 4 ? IpFamily::kIpv4 : IpFamily::kIpv6, rest);
  }
  return Discarded(Discard::kNotIp);
}

LinkPayload ParsePppoe(Rest rest) {
  if (Discard lack = rest.Lacks(8); lack != Discard::kNone) return Discarded(lack);
  // Version 1, type 1, code 0: session data (RFC 2516 4).
  if (rest.captured[0] != 0x11 || rest.captured[1] != 0) return Discarded(Discard::kNotIp);
  rest = rest.Skip(6);
  // An odd first byte is a protocol field compressed to one byte (RFC 1661 6.5).
  const bool compressed = (rest.captured[0] & 1) != 0;
  const uint16_t protocol = compressed ? rest.captured[0] : Load16(rest.captured, 0);
  rest = rest.Skip(compressed ? 1 : 2);
  if (protocol == kPppIpv4) return Found(IpFamily::kIpv4, rest);
  if (protocol == kPppIpv6) return Found(IpFamily::kIpv6, rest);
  return Discarded(Discard::kNotIp);
}

// `rest` begins behind the type field.
LinkPayload ParseByEtherType(uint16_t type, Rest rest) {
  for (int tags = 0; tags <= kTagsMax; ++tags) {
    if (type == kTypeIpv4) return Found(IpFamily::kIpv4, rest);
    if (type == kTypeIpv6) return Found(IpFamily::kIpv6, rest);
    if (type == kTypeMplsUnicast || type == kTypeMplsMulticast) return ParseMpls(rest);
    if (type == kTypePppoeSession) return ParsePppoe(rest);
    if (!IsVlanTag(type)) return Discarded(Discard::kNotIp);
    if (Discard lack = rest.Lacks(4); lack != Discard::kNone) return Discarded(lack);
    type = Load16(rest.captured, 2);
    rest = rest.Skip(4);
  }
  return Discarded(Discard::kNotIp);
}

// A header of `header_bytes` with an EtherType at `type_offset`.
LinkPayload ParseTyped(const Rest& rest, size_t header_bytes, size_t type_offset) {
  if (Discard lack = rest.Lacks(header_bytes); lack != Discard::kNone) return Discarded(lack);
  return ParseByEtherType(Load16(rest.captured, type_offset), rest.Skip(header_bytes));
}

LinkPayload ParseAddressFamily(const Rest& rest) {
  if (Discard lack = rest.Lacks(4); lack != Discard::kNone) return Discarded(lack);
  uint32_t family = Load32(rest.captured, 0);
  // The numbers are small, so the byte order of DLT_NULL shows.
  if (family > 0xffff) family = __builtin_bswap32(family);
  switch (family) {
    case 2:
      return Found(IpFamily::kIpv4, rest.Skip(4));
    case 10:  // Linux.
    case 24:  // NetBSD, OpenBSD.
    case 28:  // FreeBSD.
    case 30:  // macOS.
      return Found(IpFamily::kIpv6, rest.Skip(4));
    default:
      return Discarded(Discard::kNotIp);
  }
}

uint16_t LoadNative16(Bytes bytes, size_t offset) {
  uint16_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// Attributes are in the byte order of this machine: libpcap swaps those of
// captures from others. Each is its length (head included), its type and its
// value, padded to 4 bytes.
LinkPayload ParseNflog(Rest rest) {
  constexpr uint16_t kPayloadAttribute = 9;
  if (Discard lack = rest.Lacks(4); lack != Discard::kNone) return Discarded(lack);
  const uint8_t family = rest.captured[0];
  if (family != 2 && family != 10) return Discarded(Discard::kNotIp);
  rest = rest.Skip(4);
  while (rest.original_length > 0) {
    if (Discard lack = rest.Lacks(4); lack != Discard::kNone) return Discarded(lack);
    const uint32_t length = LoadNative16(rest.captured, 0);
    if (length < 4 || length > rest.original_length) return Discarded(Discard::kLinkHeader);
    if ((LoadNative16(rest.captured, 2) & 0x7fff) == kPayloadAttribute) {
      const Bytes value = FirstBytes(rest.captured, length).subspan(4);
      return {Discard::kNone, family == 2 ? IpFamily::kIpv4 : IpFamily::kIpv6, value, length - 4};
    }
    const uint32_t padded = std::min((length + 3) & ~3u, rest.original_length);
    if (Discard lack = rest.Lacks(padded); lack != Discard::kNone) return Discarded(lack);
    rest = rest.Skip(padded);
  }
  return Discarded(Discard::kNotIp);
}

}  // namespace

LinkPayload ParseLinkLayer(LinkType type, Bytes captured, uint32_t original_length) {
  const Rest rest{captured, std::max(original_length, static_cast<uint32_t>(captured.size()))};
  switch (type) {
    case LinkType::kEthernet:
      return ParseTyped(rest, 14, 12);
    case LinkType::kLinuxCooked:
      return ParseTyped(rest, 16, 14);
    case LinkType::kLinuxCooked2:
      return ParseTyped(rest, 20, 0);
    case LinkType::kRawIp:
      return Found(IpFamily::kByVersion, rest);
    case LinkType::kRawIpv4:
      return Found(IpFamily::kIpv4, rest);
    case LinkType::kRawIpv6:
      return Found(IpFamily::kIpv6, rest);
    case LinkType::kNull:
    case LinkType::kLoop:
      return ParseAddressFamily(rest);
    case LinkType::kNflog:
      return ParseNflog(rest);
  }
  return Discarded(Discard::kNotIp);
}

}  // namespace conntrack::sensor
