// How far a query goes at a time: under one lock, and before others run.
#pragma once

#include <cstddef>

#include "server/tracker/filter.h"

namespace conntrack {

// A page of a filter that matches little, and a slice of a count, end after so
// many places: some milliseconds.
inline constexpr size_t kPlacesPerSlice = 1u << 20;

// Places that are looked at under one lock, with a test of a number costing a few
// nanoseconds. At least 64 are, so that the longest filter takes 64 times 256
// tests.
inline size_t PlacesPerStep(const Filter& filter) { return 1024 / (1 + filter.cost()); }

}  // namespace conntrack
