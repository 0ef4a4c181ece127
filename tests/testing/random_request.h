// A request that changes or deletes what it meets, at random.
//
// Not thread-safe: `random` is the caller's.
#pragma once

#include <chrono>

#include "server/tracker/request.h"
#include "tests/testing/random.h"

namespace conntrack::testing {

// A third deletes, and a third has a timeout of at most a second.
inline ConnectionRequest RandomRequest(Random* random) {
  ConnectionRequest request;
  if (random->OneIn(3)) request.kind = ConnectionRequest::Kind::kDelete;
  request.mark_mask = 3;
  request.mark = static_cast<uint32_t>(random->Below(4));
  request.labels_mask.low = 7;
  request.labels.low = random->Below(8);
  if (random->OneIn(3)) request.timeout = std::chrono::milliseconds(1 + random->Below(1'000));
  return request;
}

}  // namespace conntrack::testing
