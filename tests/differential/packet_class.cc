#include "tests/differential/packet_class.h"

#include <algorithm>

#include "client/sensor/bytes.h"

namespace conntrack {
namespace {

using sensor::Bytes;
using sensor::Load16;

constexpr size_t kIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;
constexpr uint32_t kMtuBytes = 65'535;

// Types of IPv4 options (RFC 791 3.1, RFC 2113).
constexpr uint8_t kRecordRoute = 7;
constexpr uint8_t kTimestamp = 68;
constexpr uint8_t kLooseSourceRoute = 131;
constexpr uint8_t kCipso = 134;
constexpr uint8_t kStrictSourceRoute = 137;
constexpr uint8_t kRouterAlert = 148;

bool StartsWith(const sensor::Address& address, std::initializer_list<uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

bool IsZeroBut(const sensor::Address& address, uint8_t last) {
  return std::all_of(address.begin(), address.end() - 1, [](uint8_t byte) { return byte == 0; }) &&
         address.back() == last;
}

std::optional<LeftOut> ByIpv4Address(const sensor::Address& address) {
  if (StartsWith(address, {0, 0, 0, 0})) return LeftOut::kUnspecified;
  if (StartsWith(address, {255, 255, 255, 255})) return LeftOut::kBroadcast;
  if (address[0] >> 4 == 14) return LeftOut::kMulticast;
  return std::nullopt;
}

std::optional<LeftOut> ByIpv6Address(const sensor::Address& address, bool source) {
  if (source && IsZeroBut(address, 0)) return LeftOut::kUnspecified;
  if (IsZeroBut(address, 1)) return LeftOut::kLoopback;
  if (address[0] == 0xff) return LeftOut::kMulticast;
  if (address[0] == 0xfe && address[1] >> 6 == 2) return LeftOut::kLinkLocal;
  return std::nullopt;
}

std::optional<LeftOut> ByAddress(const sensor::Packet& packet) {
  for (const bool source : {true, false}) {
    const sensor::Address& address = source ? packet.source : packet.destination;
    const auto found = packet.ipv6 ? ByIpv6Address(address, source) : ByIpv4Address(address);
    if (found.has_value()) return found;
  }
  return std::nullopt;
}

// A route or timestamps that are being recorded: type, length and pointer to the
// next entry, for which there must be room (RFC 791 3.1).
bool HasRoom(Bytes option, size_t entry_bytes) {
  return option[2] > option.size() || option[2] + entry_bytes - 1 <= option.size();
}

bool IsTimestampRefused(Bytes option) {
  if (option.size() < 4 || option[2] < 5) return true;
  const uint8_t flag = option[3] & 0x0f;
  // Full: a counter of those left out has 4 bits.
  if (option[2] > option.size()) return option[3] >> 4 == 15;
  if (flag != 0 && flag != 1 && flag != 3) return true;
  return !HasRoom(option, flag == 0 ? 4 : 8);
}

bool IsIpv4OptionRefused(Bytes option) {
  switch (option[0]) {
    case kRecordRoute:
      return option.size() < 3 || option[2] < 4 || !HasRoom(option, 4);
    case kTimestamp:
      return IsTimestampRefused(option);
    case kCipso:
    case kLooseSourceRoute:
    case kStrictSourceRoute:
      return true;
    case kRouterAlert:
      return option.size() < 4;
    default:
      return false;
  }
}

// Each option is a type and, but for padding, its length and value.
bool AreIpv4OptionsRefused(Bytes options) {
  constexpr uint8_t kEnd = 0;
  constexpr uint8_t kNop = 1;
  while (!options.empty() && options[0] != kEnd) {
    if (options[0] == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return true;
    if (IsIpv4OptionRefused(options.first(options[1]))) return true;
    options = options.subspan(options[1]);
  }
  return false;
}

// Padding does nothing, and Linux takes no more of it than alignment needs.
bool IsHopByHopOptionRefused(Bytes option) {
  constexpr uint8_t kPadN = 1;
  constexpr uint8_t kIpv6RouterAlert = 5;
  if (option[0] == kPadN) {
    return std::any_of(option.begin() + 2, option.end(), [](uint8_t byte) { return byte != 0; });
  }
  if (option[0] == kIpv6RouterAlert) return option.size() != 4;
  // RFC 8200 4.2: the two highest bits say what becomes of a packet whose reader
  // does not know the option.
  return option[0] >> 6 != 0;
}

bool IsHopByHopRefused(Bytes header) {
  constexpr uint8_t kPad1 = 0;
  constexpr size_t kPaddingMax = 7;
  if (header.size() < 8) return true;
  Bytes options = sensor::FirstBytes(header, (header[1] + 1u) * 8).subspan(2);
  size_t padding = 0;
  while (!options.empty()) {
    size_t length = 1;
    if (options[0] != kPad1) {
      if (options.size() < 2 || options[1] + 2u > options.size()) return true;
      length = options[1] + 2u;
      if (IsHopByHopOptionRefused(options.first(length))) return true;
    }
    padding = options[0] <= 1 ? padding + length : 0;
    if (padding > kPaddingMax) return true;
    options = options.subspan(length);
  }
  return false;
}

bool IsCutDatagram(const sensor::Decoded& decoded, Bytes bytes) {
  if (decoded.kind == sensor::Decoded::Kind::kFragment) {
    return decoded.fragment.captured.size() < decoded.fragment.length;
  }
  return decoded.packet.protocol == sensor::kSctp && bytes.size() < decoded.packet.total_length;
}

}  // namespace

std::optional<LeftOut> WhyLeftOut(const sensor::Decoded& decoded, Bytes bytes, bool checksum) {
  const sensor::Packet& packet = decoded.packet;
  if (const auto found = ByAddress(packet)) return found;
  // A datagram is put together with the header of its first fragment.
  const bool leads = decoded.kind == sensor::Decoded::Kind::kPacket || decoded.fragment.offset == 0;
  if (leads && bytes[packet.ipv6 ? 7 : 8] <= 1) return LeftOut::kHopLimit;
  if (packet.total_length > kMtuBytes) return LeftOut::kTooLong;
  if (!packet.ipv6) {
    if (packet.network_header_length > packet.total_length) return LeftOut::kIpHeader;
    const Bytes header = sensor::FirstBytes(bytes, packet.network_header_length);
    if (leads && AreIpv4OptionsRefused(sensor::SkipBytes(header, kIpv4HeaderBytes))) {
      return LeftOut::kIpv4Options;
    }
  } else if (bytes[6] == sensor::kHopByHop &&
             IsHopByHopRefused(sensor::SkipBytes(sensor::FirstBytes(bytes, packet.total_length),
                                                 kIpv6HeaderBytes))) {
    return LeftOut::kHopByHop;
  }
  if (IsCutDatagram(decoded, bytes)) return LeftOut::kCutDatagram;
  if (checksum && packet.protocol == sensor::kUdplite) return LeftOut::kUdpliteSum;
  return std::nullopt;
}

bool IsDropped(LeftOut reason) {
  return reason != LeftOut::kCutDatagram && reason != LeftOut::kUdpliteSum;
}

const char* NameOf(LeftOut reason) {
  static constexpr std::array<const char*, kLeftOutClasses> kNames = {
      "unspecified address",
      "IPv6 loopback address",
      "multicast address",
      "broadcast address",
      "link-local IPv6 address",
      "hop limit 0 or 1",
      "longer than the largest MTU",
      "IP header longer than the packet",
      "source route, label or broken IPv4 options",
      "hop-by-hop option that asks for a drop",
      "fragment or SCTP cut by the capture",
      "UDP-Lite checksum",
  };
  return kNames[static_cast<size_t>(reason)];
}

const char* NameOf(Completion completion) {
  static constexpr std::array<const char*, kCompletions> kNames = {
      "payload cut by the capture",
      "total length left to the network card",
      "IPv4 checksum left to the network card",
      "transport checksum left to the network card",
  };
  return kNames[static_cast<size_t>(completion)];
}

}  // namespace conntrack
