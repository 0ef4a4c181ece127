// EventReader reads the events of all slots from a place of its own on and makes
// messages of them. What the tracker gave up before it was read becomes a loss
// notice: nothing is passed over silently.
//
// Not thread-safe. A message costs a look at each slot, the lock of each that
// has something new for a moment, and some ten nanoseconds for each event.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/convert_event.h"
#include "server/tracker/tracker.h"

namespace conntrack {

// True when `a`, a next event for each slot, is not before `b` in any.
bool Reaches(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b);

class EventReader {
 public:
  // A message ends with the segment of events that reaches this.
  static constexpr size_t kMessageBytes = 512u << 10;

  // Begins behind the last event of each slot. `tracker` must outlive this.
  EventReader(Tracker* tracker, const WireContext& context);

  // By slot, the next event to read.
  const std::vector<uint64_t>& next() const { return next_; }
  void MoveTo(std::vector<uint64_t> next) { next_ = std::move(next); }
  // As if the ranges of `message` had been read here.
  void Pass(const WatchMessage& message);

  // True when a slot has events that were not read.
  bool HasMore() const;

  // One past the last event of a slot to read now.
  using EndOf = absl::FunctionRef<uint64_t(uint32_t slot)>;
  // What becomes of an event.
  using Show = absl::FunctionRef<Shown(const Event& event, uint32_t slot)>;
  // The next message, from the slot after the last one visited on, so that no
  // slot waits for ever. Nullopt when there is nothing new.
  std::optional<WatchMessage> Read(EndOf end_of, Show show);
  // The end of a slot that is read as far as it goes.
  static constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();
  // Read begins with this slot.
  void BeginWith(uint32_t slot) { first_slot_ = slot; }

 private:
  // Adds the events of `slot` up to `end` to the batch; false when some were
  // lost before.
  bool ReadSlot(uint32_t slot, uint64_t end, Show show);
  // The notice of all that was lost so far.
  WatchMessage ReadLoss();

  Tracker* const tracker_;
  const uint32_t slot_count_;
  std::vector<uint64_t> next_;
  uint32_t first_slot_ = 0;
  EventBatchWriter batch_;
};

}  // namespace conntrack
