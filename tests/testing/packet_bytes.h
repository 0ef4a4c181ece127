// What packets of tests are written and read with.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace conntrack {

// Kinds of TCP options (IANA).
inline constexpr uint8_t kOptionEnd = 0;
inline constexpr uint8_t kOptionNop = 1;
inline constexpr uint8_t kOptionWindowScale = 3;
inline constexpr uint8_t kOptionSackPermitted = 4;
inline constexpr uint8_t kOptionSack = 5;
inline constexpr uint8_t kOptionTimestamps = 8;

// REQUIRES: at least 4 bytes.
inline uint32_t Read32(std::span<const uint8_t> bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace conntrack
