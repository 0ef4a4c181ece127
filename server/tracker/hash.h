// The two hashes of a key. In a header, because every packet needs both: inlined
// they are some twenty instructions each.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "server/tracker/tuple.h"

namespace conntrack {

static_assert(std::endian::native == std::endian::little,
              "hash inputs are laid out by little-endian stores");

// What the slot hash is taken over: the zone number (4 bytes, little-endian), the
// family (one byte, 4 or 6) and both addresses in network byte order, the lower
// first.
class SlotHashInput {
 public:
  // REQUIRES: low <= high.
  void Set(uint32_t zone, Family family, const Address& low, const Address& high) {
    const uint64_t head = zone | static_cast<uint64_t>(family) << 32;
    std::memcpy(bytes_.data(), &head, sizeof(head));
    if (family == Family::kIpv4) {
      const uint64_t pair = __builtin_bswap64(low.low << 32 | high.low);
      std::memcpy(bytes_.data() + kHeadBytes, &pair, sizeof(pair));
      return;
    }
    const std::array<uint64_t, 4> pair = {__builtin_bswap64(low.high), __builtin_bswap64(low.low),
                                          __builtin_bswap64(high.high),
                                          __builtin_bswap64(high.low)};
    std::memcpy(bytes_.data() + kHeadBytes, pair.data(), sizeof(pair));
  }

  // XXH3-64. Constant sizes: the hash is then a few instructions.
  uint64_t Hash(Family family, uint64_t seed) const {
    return family == Family::kIpv4 ? XXH3_64bits_withSeed(bytes_.data(), kHeadBytes + 2 * 4, seed)
                                   : XXH3_64bits_withSeed(bytes_.data(), kHeadBytes + 2 * 16, seed);
  }

 private:
  static constexpr size_t kHeadBytes = 5;

  alignas(8) std::array<uint8_t, 40> bytes_;
};

// The deployment's slot hash of a pair of addresses, in any order.
// proto/slot_hash_vectors.json holds test vectors. The slot is the low bits.
inline uint64_t SlotHash(uint64_t seed, uint32_t zone, Family family, const Address& a,
                         const Address& b) {
  SlotHashInput input;
  a <= b ? input.Set(zone, family, a, b) : input.Set(zone, family, b, a);
  return input.Hash(family, seed);
}

// The hash inside a slot's table: keyed by a secret of the process, so that
// nobody outside can aim at one bucket. The full key is always compared.
//
// Over whole words: the hash reads them as they were written.
inline uint64_t TableHashIpv4(uint64_t secret, const KeyWords& words) {
  return XXH3_64bits_withSeed(&words, sizeof(words), secret);
}
inline uint64_t TableHashIpv6(uint64_t secret, const KeyWords& words, const AddressPair& ends) {
  const std::array<uint64_t, 5> all = {words.rest, ends.first.high, ends.first.low,
                                       ends.second.high, ends.second.low};
  return XXH3_64bits_withSeed(all.data(), sizeof(all), secret);
}
inline uint64_t TableHash(uint64_t secret, const Key& key) {
  return key.family == Family::kIpv4 ? TableHashIpv4(secret, WordsOf(key))
                                     : TableHashIpv6(secret, WordsOf(key), {key.first, key.second});
}

}  // namespace conntrack
