#include "server/tracker/cut.h"

#include <algorithm>

namespace conntrack {
namespace {

// Connections copied under one lock, at some 100 ns each.
constexpr size_t kRowsPerStep = 64;

}  // namespace

SlotCut::SlotCut(Tracker* tracker, uint32_t slot, const Filter* filter)
    : tracker_(tracker), slot_(slot), filter_(filter), position_{slot, 0} {
  const SlotMark mark = tracker->Mark(slot);
  id_limit_ = mark.next_id;
  next_ = mark.sequence + 1;
  rows_.reserve(kRowsPerStep);
}

SlotCut::State SlotCut::Next(Time server_now, size_t places_max, Put put, Remove remove) {
  if (!has_rows_) Scan(server_now, places_max);
  if (next_ <= rows_sequence_) {
    if (!ReadEvents(put, remove)) return State::kLost;
    if (next_ <= rows_sequence_) return State::kMore;
  }
  for (const Row& row : rows_) put(row.connection.ref(), row.now);
  has_rows_ = false;
  return position_.slot == slot_ ? State::kMore : State::kWhole;
}

void SlotCut::Scan(Time server_now, size_t places_max) {
  rows_.clear();
  const ScanStepOptions step{.server_now = server_now,
                             .filter = filter_,
                             .places_max = places_max,
                             .visits_max = kRowsPerStep,
                             .expired_too = true};
  const auto keep = [&](const ConnectionRef& connection, Time now) {
    if (connection.id() < id_limit_) rows_.push_back({connection.Copy(), now});
  };
  rows_sequence_ = tracker_->Scan(&position_, step, keep).sequence;
  has_rows_ = true;
}

bool SlotCut::ReadEvents(Put put, Remove remove) {
  const SlotEvents events = tracker_->ReadEvents(slot_, next_);
  if (events.first_retained > next_) return false;
  const size_t count = std::min<uint64_t>(events.range.count, rows_sequence_ + 1 - next_);
  for (size_t i = 0; i < count; ++i) {
    const Event& event = events.range[i];
    const ConnectionRef connection = event.connection.ref();
    if (event.type != EventType::kDestroy && filter_->Matches(connection, event.now)) {
      put(connection, event.now);
    } else {
      remove(connection.id());
    }
  }
  next_ += count;
  return true;
}

}  // namespace conntrack
