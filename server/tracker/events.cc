#include "server/tracker/events.h"

#include <algorithm>

#include "server/tracker/check.h"
#include "server/tracker/prefetch.h"

namespace conntrack {
namespace {

void PrefetchWhole(const Event* event) {
  const char* const begin = reinterpret_cast<const char*>(event);
  for (size_t offset = 0; offset < sizeof(Event); offset += 64) Prefetch(begin + offset);
}

}  // namespace

void* EventLog::PlaceOfNext() {
  const uint64_t sequence = next_sequence_;
  if (segments_.empty() || sequence == segments_.back()->first_sequence() + EventSegment::kEvents) {
    // One out for one in: the total stays where the budget put it.
    if (budget_->exhausted() && !segments_.empty()) segments_.pop_front();
    segments_.push_back(std::make_shared<EventSegment>(sequence, budget_));
  }
  EventSegment& segment = *segments_.back();
  const size_t place = sequence - segment.first_sequence();
  // Nobody has read here for long, and the next event of this slot comes soon.
  if (place + 1 < EventSegment::kEvents) PrefetchWhole(&segment.events_[place + 1]);
  return &segment.events_[place];
}

EventRange EventLog::Read(uint64_t sequence) const {
  CT_CHECK(sequence >= first_retained());
  if (sequence >= next_sequence_) return {};
  // Segments are full but for the last, so their places are known.
  const size_t position = (sequence - segments_.front()->first_sequence()) / EventSegment::kEvents;
  const std::shared_ptr<EventSegment>& segment = segments_[position];
  const uint64_t end = std::min(segment->first_sequence() + EventSegment::kEvents, next_sequence_);
  return {segment, sequence, static_cast<size_t>(end - sequence)};
}

}  // namespace conntrack
