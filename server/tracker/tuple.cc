#include "server/tracker/tuple.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace conntrack {
namespace {

static_assert(std::endian::native == std::endian::little,
              "hash inputs are laid out by little-endian stores");

// Writes `address` in network byte order; returns the bytes written.
size_t PutAddress(uint8_t* out, Family family, const Address& address) {
  if (family == Family::kIpv4) {
    const uint32_t word = __builtin_bswap32(static_cast<uint32_t>(address.low));
    std::memcpy(out, &word, sizeof(word));
    return sizeof(word);
  }
  const std::array<uint64_t, 2> words = {__builtin_bswap64(address.high),
                                         __builtin_bswap64(address.low)};
  std::memcpy(out, words.data(), sizeof(words));
  return sizeof(words);
}

struct IcmpPair {
  uint8_t query;
  uint8_t answer;
};
// Echo, timestamp, information, address mask (RFC 792, RFC 950).
constexpr std::array<IcmpPair, 4> kIcmpPairs = {{{8, 0}, {13, 14}, {15, 16}, {17, 18}}};
// Echo (RFC 4443), node information (RFC 4620).
constexpr std::array<IcmpPair, 2> kIcmpv6Pairs = {{{128, 129}, {139, 140}}};

template <size_t kSize>
std::optional<uint8_t> InverseIn(const std::array<IcmpPair, kSize>& pairs, uint8_t type) {
  for (const IcmpPair& pair : pairs) {
    if (type == pair.query) return pair.answer;
    if (type == pair.answer) return pair.query;
  }
  return std::nullopt;
}

bool IsIcmpOf(Family family, uint8_t protocol) {
  return protocol == (family == Family::kIpv4 ? kProtocolIcmp : kProtocolIcmpv6);
}

}  // namespace

bool HasPorts(uint8_t protocol) {
  return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kProtocolSctp ||
         protocol == kProtocolUdplite;
}

std::optional<uint8_t> InverseIcmpType(Family family, uint8_t type) {
  return family == Family::kIpv4 ? InverseIn(kIcmpPairs, type) : InverseIn(kIcmpv6Pairs, type);
}

bool IsIcmpQuery(Family family, uint8_t type) {
  if (family == Family::kIpv4) return type == 8 || type == 13 || type == 15 || type == 17;
  return type == 128 || type == 139;
}

std::optional<DirectedKey> MakeKey(ZoneIndex zone, Family family, uint8_t protocol,
                                   const Address& source, const Address& destination,
                                   uint32_t ports) {
  DirectedKey made{{source, destination, 0, zone, protocol, family}, true};
  Key& key = made.key;
  if (IsIcmpOf(family, protocol)) {
    const uint8_t type = IcmpType(ports);
    const std::optional<uint8_t> inverse = InverseIcmpType(family, type);
    if (!inverse.has_value()) return std::nullopt;
    key.ports = ports;
    if (!IsIcmpQuery(family, type)) {
      std::swap(key.first, key.second);
      key.ports = IcmpWord(*inverse, IcmpCode(ports), IcmpId(ports));
      made.from_first = false;
    }
    return made;
  }
  if (HasPorts(protocol) || protocol == kProtocolGre) key.ports = ports;
  const bool swap = destination < source ||
                    (destination == source && DestinationPort(key.ports) < SourcePort(key.ports));
  if (swap) {
    std::swap(key.first, key.second);
    key.ports = std::rotl(key.ports, 16);
    made.from_first = false;
  }
  return made;
}

uint64_t SlotHash(uint64_t seed, uint32_t zone, Family family, const Address& a, const Address& b) {
  std::array<uint8_t, 4 + 1 + 16 + 16> bytes;
  std::memcpy(bytes.data(), &zone, sizeof(zone));
  bytes[4] = static_cast<uint8_t>(family);
  const bool ordered = a <= b;
  size_t size = 5;
  size += PutAddress(bytes.data() + size, family, ordered ? a : b);
  size += PutAddress(bytes.data() + size, family, ordered ? b : a);
  return XXH3_64bits_withSeed(bytes.data(), size, seed);
}

uint64_t TableHash(uint64_t secret, const Key& key) {
  std::array<uint8_t, 40> bytes;
  size_t size = 0;
  const auto put = [&](const auto& value) {
    std::memcpy(bytes.data() + size, &value, sizeof(value));
    size += sizeof(value);
  };
  put(key.ports);
  put(key.zone);
  put(key.protocol);
  put(key.family);
  if (key.family == Family::kIpv4) {
    put(static_cast<uint32_t>(key.first.low));
    put(static_cast<uint32_t>(key.second.low));
  } else {
    put(key.first);
    put(key.second);
  }
  return XXH3_64bits_withSeed(bytes.data(), size, secret);
}

}  // namespace conntrack
