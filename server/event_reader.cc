#include "server/event_reader.h"

#include <algorithm>

namespace conntrack {

bool Reaches(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](uint64_t x, uint64_t y) { return x >= y; });
}

EventReader::EventReader(Tracker* tracker, const WireContext& context)
    : tracker_(tracker),
      slot_count_(context.slot_count),
      next_(context.slot_count),
      batch_(context, tracker->options().epoch) {
  for (uint32_t slot = 0; slot < slot_count_; ++slot) next_[slot] = tracker->LastSequence(slot) + 1;
}

void EventReader::Pass(const WatchMessage& message) {
  for (const SlotRange& range : message.ranges) next_[range.slot] = range.last + 1;
}

bool EventReader::HasMore() const {
  for (uint32_t slot = 0; slot < slot_count_; ++slot) {
    if (tracker_->LastSequence(slot) >= next_[slot]) return true;
  }
  return false;
}

std::optional<WatchMessage> EventReader::Read(EndOf end_of, Show show) {
  uint32_t visited = 0;
  bool lost = false;
  for (; visited < slot_count_ && !lost && batch_.bytes() < kMessageBytes; ++visited) {
    const uint32_t slot = (first_slot_ + visited) & (slot_count_ - 1);
    const uint64_t end = std::min(end_of(slot), tracker_->LastSequence(slot) + 1);
    if (end > next_[slot]) lost = !ReadSlot(slot, end, show);
  }
  first_slot_ = (first_slot_ + visited) & (slot_count_ - 1);
  // What was lost is told before what comes after it, but after what was read.
  if (!batch_.empty()) return batch_.Take();
  if (lost) return ReadLoss();
  return std::nullopt;
}

bool EventReader::ReadSlot(uint32_t slot, uint64_t end, Show show) {
  const uint64_t first = next_[slot];
  uint64_t& next = next_[slot];
  bool whole = true;
  while (next < end && batch_.bytes() < kMessageBytes) {
    const SlotEvents read = tracker_->ReadEvents(slot, next);
    whole = read.first_retained <= next;
    if (!whole) break;
    const size_t count = std::min<uint64_t>(read.range.count, end - next);
    for (size_t i = 0; i < count; ++i) {
      const Shown shown = show(read.range[i], slot);
      if (shown != Shown::kNot) batch_.Add(read.range[i], slot, shown);
    }
    next += count;
  }
  if (next > first) batch_.Cover({slot, first, next - 1});
  return whole;
}

WatchMessage EventReader::ReadLoss() {
  std::vector<SlotRange> ranges;
  for (uint32_t slot = 0; slot < slot_count_; ++slot) {
    if (tracker_->LastSequence(slot) < next_[slot]) continue;
    const uint64_t first = tracker_->Mark(slot).first_retained;
    if (first <= next_[slot]) continue;
    ranges.push_back({slot, next_[slot], first - 1});
    next_[slot] = first;
  }
  return MakeLoss(std::move(ranges), tracker_->options().epoch);
}

}  // namespace conntrack
