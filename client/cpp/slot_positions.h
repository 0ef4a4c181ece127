// Where a watcher is in each slot, to leave out repeats and to find gaps.
//
// Not thread-safe: owned by one watcher. Costs a hash lookup for each range and
// each event.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::client {

class SlotPositions {
 public:
  // Removes from `batch` the events that are at or below the place of their
  // slot, moves the places to the end of the batch's ranges, and adds to `gaps`
  // the ranges that were skipped. The first range of a slot, or of a new epoch
  // of it, skips nothing.
  void Advance(v1::EventBatch* batch, v1::LossNotice* gaps);

  // Moves the places past what was lost.
  void Skip(const v1::LossNotice& loss);

  void Clear() { positions_.clear(); }

 private:
  struct Position {
    uint64_t epoch = 0;
    uint64_t sequence = 0;  // The last one known of, given or lost.
  };

  std::unordered_map<uint32_t, Position> positions_;
};

}  // namespace conntrack::client
