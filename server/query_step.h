// How far a query goes at a time: under one lock, and before others run.
#pragma once

#include <algorithm>
#include <cstddef>

#include "server/tracker/filter.h"

namespace conntrack {

// A page of a filter that matches little, and a slice of a count, end after so
// many places: some milliseconds.
inline constexpr size_t kPlacesPerSlice = 1u << 20;

// Places that are looked at under one lock, with a test of a number costing some ten
// nanoseconds: ten microseconds or so. The longest filter takes 16 times 256 tests.
inline size_t PlacesPerStep(const Filter& filter) {
  constexpr size_t kTestsPerStep = 1024;
  constexpr size_t kPlacesMin = 16;
  return std::max(kTestsPerStep / (1 + filter.cost()), kPlacesMin);
}

}  // namespace conntrack
