#include "client/cpp/slot_positions.h"

#include <algorithm>

namespace conntrack::client {

void SlotPositions::Advance(v1::EventBatch* batch, v1::LossNotice* gaps) {
  // Repeats are judged by the places before this batch, so those go first.
  auto* events = batch->mutable_events();
  const auto repeated = [this, batch](const v1::Event& event) {
    const auto found = positions_.find(event.slot());
    if (found == positions_.end() || event.sequence() > found->second.sequence) return false;
    return std::any_of(batch->ranges().begin(), batch->ranges().end(), [&](const auto& range) {
      return range.slot() == event.slot() && range.epoch() == found->second.epoch;
    });
  };
  events->erase(std::remove_if(events->begin(), events->end(), repeated), events->end());

  for (const v1::SequenceRange& range : batch->ranges()) {
    const auto [entry, is_new] = positions_.try_emplace(range.slot());
    Position& position = entry->second;
    if (is_new || position.epoch != range.epoch()) {
      position = {range.epoch(), range.last_sequence()};
      continue;
    }
    if (range.first_sequence() > position.sequence + 1) {
      v1::SequenceRange* gap = gaps->add_ranges();
      gap->set_slot(range.slot());
      gap->set_epoch(range.epoch());
      gap->set_first_sequence(position.sequence + 1);
      gap->set_last_sequence(range.first_sequence() - 1);
    }
    position.sequence = std::max(position.sequence, range.last_sequence());
  }
}

void SlotPositions::Skip(const v1::LossNotice& loss) {
  for (const v1::SequenceRange& range : loss.ranges()) {
    Position& position = positions_[range.slot()];
    if (position.epoch != range.epoch()) position = {range.epoch(), 0};
    position.sequence = std::max(position.sequence, range.last_sequence());
  }
}

}  // namespace conntrack::client
