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

}  // namespace

std::optional<uint8_t> InverseIcmpType(Family family, uint8_t type) {
  return family == Family::kIpv4 ? InverseIn(kIcmpPairs, type) : InverseIn(kIcmpv6Pairs, type);
}

bool IsIcmpQuery(Family family, uint8_t type) {
  if (family == Family::kIpv4) return type == 8 || type == 13 || type == 15 || type == 17;
  return type == 128 || type == 139;
}

std::optional<DirectedKey> MakeIcmpKey(ZoneIndex zone, Family family, uint8_t protocol,
                                       const Address& source, const Address& destination,
                                       uint32_t ports) {
  const uint8_t type = IcmpType(ports);
  const std::optional<uint8_t> inverse = InverseIcmpType(family, type);
  if (!inverse.has_value()) return std::nullopt;
  if (IsIcmpQuery(family, type)) {
    return DirectedKey{{source, destination, ports, zone, protocol, family}, true};
  }
  const uint32_t asked = IcmpWord(*inverse, IcmpCode(ports), IcmpId(ports));
  return DirectedKey{{destination, source, asked, zone, protocol, family}, false};
}

uint64_t SlotHash(uint64_t seed, uint32_t zone, Family family, const Address& a, const Address& b) {
  std::array<uint8_t, 4 + 1 + 16 + 16> bytes;
  std::memcpy(bytes.data(), &zone, sizeof(zone));
  bytes[4] = static_cast<uint8_t>(family);
  const bool ordered = a <= b;
  const size_t size = PutAddress(bytes.data() + 5, family, ordered ? a : b);
  PutAddress(bytes.data() + 5 + size, family, ordered ? b : a);
  // Constant sizes: the hash is then a few instructions.
  return family == Family::kIpv4 ? XXH3_64bits_withSeed(bytes.data(), 13, seed)
                                 : XXH3_64bits_withSeed(bytes.data(), 37, seed);
}

uint64_t TableHash(uint64_t secret, const Key& key) {
  // Whole words: the hash reads them as they were written.
  const uint64_t head = key.ports | uint64_t{key.zone} << 32 | uint64_t{key.protocol} << 48 |
                        static_cast<uint64_t>(key.family) << 56;
  if (key.family == Family::kIpv4) {
    const std::array<uint64_t, 2> words = {head, key.first.low | key.second.low << 32};
    return XXH3_64bits_withSeed(words.data(), sizeof(words), secret);
  }
  const std::array<uint64_t, 5> words = {head, key.first.high, key.first.low, key.second.high,
                                         key.second.low};
  return XXH3_64bits_withSeed(words.data(), sizeof(words), secret);
}

}  // namespace conntrack
