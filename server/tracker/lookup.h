// A lookup of many tuples at once.
//
// Plain data.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "server/tracker/connection.h"
#include "server/tracker/time.h"
#include "server/tracker/tuple.h"

namespace conntrack {

// A tuple on its way to its slot.
struct TupleLookup {
  DirectedKey tuple;
  // Its place among those that were asked for.
  uint32_t place = 0;
  uint32_t slot = 0;
  uint64_t hash = 0;
};

// Takes the place of a tuple, its connection, the direction that a packet with
// this tuple would have, and what the zone's clock says.
using LookupVisit =
    absl::FunctionRef<void(uint32_t place, const ConnectionRef&, Direction, Time now)>;

}  // namespace conntrack
