// Labels are the 128 bits that a user may set on a connection: Netfilter's
// connlabels. A label is known by its number, 0 to 127; what it means is the
// user's affair.
//
// Plain data.
#pragma once

#include <cstdint>

namespace conntrack {

inline constexpr uint32_t kLabelCount = 128;

struct Labels {
  // Labels 64 to 127, and 0 to 63; the lowest is the lowest bit.
  uint64_t high = 0;
  uint64_t low = 0;

  // REQUIRES: label < kLabelCount.
  bool Has(uint32_t label) const {
    return ((label < 64 ? low >> label : high >> (label - 64)) & 1) != 0;
  }
  void Set(uint32_t label) { (label < 64 ? low : high) |= uint64_t{1} << (label % 64); }
  bool any() const { return (high | low) != 0; }

  // With the bits of `mask` as in `value`. REQUIRES: `value` has no others.
  Labels With(const Labels& value, const Labels& mask) const {
    return {(high & ~mask.high) | value.high, (low & ~mask.low) | value.low};
  }

  friend constexpr bool operator==(const Labels&, const Labels&) = default;
};

}  // namespace conntrack
