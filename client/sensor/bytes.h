// Reads of network-order integers from unaligned bytes, and spans that cannot
// be cut beyond their end.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace conntrack::sensor {

using Bytes = std::span<const uint8_t>;

inline uint16_t SwapFromNetwork16(uint16_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap16(value) : value;
}

inline uint32_t SwapFromNetwork32(uint32_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}

// REQUIRES: bytes.size() >= offset + 2.
inline uint16_t Load16(Bytes bytes, size_t offset) {
  uint16_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return SwapFromNetwork16(value);
}

// REQUIRES: bytes.size() >= offset + 4.
inline uint32_t Load32(Bytes bytes, size_t offset) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return SwapFromNetwork32(value);
}

// What lies behind the first `count` bytes; empty when there are not so many.
inline Bytes SkipBytes(Bytes bytes, size_t count) {
  return bytes.subspan(std::min(count, bytes.size()));
}

// At most the first `count` bytes.
inline Bytes FirstBytes(Bytes bytes, size_t count) {
  return bytes.first(std::min(count, bytes.size()));
}

}  // namespace conntrack::sensor
