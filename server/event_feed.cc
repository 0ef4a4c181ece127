#include "server/event_feed.h"

#include <algorithm>
#include <utility>

namespace conntrack {
namespace {

// True when all that `message` covers lies behind `next`.
bool LiesBehind(const std::vector<uint64_t>& next, const WatchMessage& message) {
  return std::all_of(message.ranges.begin(), message.ranges.end(),
                     [&](const SlotRange& range) { return range.first >= next[range.slot]; });
}

// All that the feed is for see every event.
Shown ShowAsItIs(const Event& /*event*/, uint32_t /*slot*/) { return Shown::kAsItIs; }

}  // namespace

std::optional<EventFeed::Place> EventFeed::FindPlace(const std::vector<uint64_t>& next) {
  const MutexLock lock(&reader_mutex_);
  bool followed = false;
  {
    const MutexLock kept_lock(&kept_mutex_);
    followed = followers_ > 0;
  }
  if (!followed) Restart(next);
  for (int made = 0; made < kMessagesAhead && !Reaches(reader_.next(), next); ++made) Make();
  if (!Reaches(reader_.next(), next)) {
    if (!Reaches(next, reader_.next())) return std::nullopt;
    // Those who follow are far behind: they catch up alone, in their own time.
    Restart(next);
  }
  const MutexLock kept_lock(&kept_mutex_);
  Place place{end_, reader_.next()};
  // The earlier it is, the more comes from the feed.
  for (auto message = kept_.rbegin(); message != kept_.rend(); ++message) {
    if (!LiesBehind(next, **message)) break;
    for (const SlotRange& range : (*message)->ranges) place.next[range.slot] = range.first;
    --place.number;
  }
  return place;
}

void EventFeed::Join() {
  const MutexLock lock(&kept_mutex_);
  ++followers_;
}

void EventFeed::Leave() {
  const MutexLock lock(&kept_mutex_);
  if (--followers_ > 0) return;
  kept_.clear();
  kept_bytes_ = 0;
}

bool EventFeed::Has(uint64_t number) {
  const MutexLock lock(&kept_mutex_);
  return number + kept_.size() >= end_;
}

std::optional<std::shared_ptr<const WatchMessage>> EventFeed::Find(uint64_t number) {
  if (number + kept_.size() < end_) return std::nullopt;
  if (number == end_) return nullptr;
  return kept_[number + kept_.size() - end_];
}

std::optional<std::shared_ptr<const WatchMessage>> EventFeed::Take(uint64_t number) {
  {
    const MutexLock lock(&kept_mutex_);
    auto found = Find(number);
    if (!found.has_value() || *found != nullptr) return found;
  }
  const MutexLock lock(&reader_mutex_);
  {
    // Somebody may have made it in the meantime.
    const MutexLock kept_lock(&kept_mutex_);
    auto found = Find(number);
    if (!found.has_value() || *found != nullptr) return found;
  }
  return Make();
}

std::shared_ptr<const WatchMessage> EventFeed::Make() {
  auto read = reader_.Read([](uint32_t) { return EventReader::kNoEnd; }, ShowAsItIs);
  if (!read.has_value()) return nullptr;
  auto message = std::make_shared<const WatchMessage>(*std::move(read));
  const MutexLock lock(&kept_mutex_);
  ++end_;
  kept_.push_back(message);
  kept_bytes_ += message->size;
  while (kept_.size() > 1 && kept_bytes_ > kKeptBytes) {
    kept_bytes_ -= kept_.front()->size;
    kept_.pop_front();
  }
  return message;
}

void EventFeed::Restart(const std::vector<uint64_t>& next) {
  reader_.MoveTo(next);
  const MutexLock lock(&kept_mutex_);
  kept_.clear();
  kept_bytes_ = 0;
  // Who stood at the end stood elsewhere.
  ++end_;
}

std::shared_ptr<const WatchMessage> FeedFollower::Next() {
  if (!following_.has_value()) TryToFollow();
  while (following_.has_value()) {
    auto message = feed_.Take(*following_);
    if (message.has_value()) {
      if (*message == nullptr) return nullptr;
      ++*following_;
      reader_.Pass(**message);
      return *std::move(message);
    }
    Leave();
    TryToFollow();
  }
  auto read = reader_.Read(
      [this](uint32_t slot) {
        return place_.has_value() ? place_->next[slot] : EventReader::kNoEnd;
      },
      ShowAsItIs);
  if (!read.has_value()) return nullptr;
  return std::make_shared<const WatchMessage>(*std::move(read));
}

void FeedFollower::TryToFollow() {
  const std::vector<uint64_t>& next = reader_.next();
  if (!place_.has_value() || !feed_.Has(place_->number) || !Reaches(place_->next, next)) {
    place_ = feed_.FindPlace(next);
  }
  if (!place_.has_value() || place_->next != next) return;
  feed_.Join();
  following_ = place_->number;
  place_.reset();
}

void FeedFollower::Leave() {
  if (!following_.has_value()) return;
  following_.reset();
  feed_.Leave();
}

}  // namespace conntrack
