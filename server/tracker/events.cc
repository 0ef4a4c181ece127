#include "server/tracker/events.h"

#include <algorithm>

#include "server/tracker/check.h"

namespace conntrack {

uint64_t EventLog::Append(const Event& event) {
  const uint64_t sequence = next_sequence_;
  if (segments_.empty() || sequence == segments_.back()->first_sequence() + EventSegment::kEvents) {
    // One out for one in: the total stays where the budget put it.
    if (budget_->exhausted() && !segments_.empty()) segments_.pop_front();
    segments_.push_back(std::make_shared<EventSegment>(sequence, budget_));
  }
  EventSegment& segment = *segments_.back();
  Event& stored = segment.events_[sequence - segment.first_sequence()];
  stored = event;
  stored.sequence = sequence;
  next_sequence_ = sequence + 1;
  return sequence;
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
