#include "server/tracker/expiry.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <iterator>
#include <utility>

namespace conntrack {
namespace {

// Up to 2^6 narrowest buckets ahead (4 s) buckets are narrowest; beyond, a
// bucket is at most 1/32 of the distance wide: some 64 buckets for each doubling
// of the distance, and two or three looks at an entry in its life.
constexpr int kExactBits = 6;

// The start of the bucket for a deadline `ahead` of the present.
Time BucketStart(Time deadline, Time now) {
  const int64_t ahead = std::max<int64_t>((deadline - now).count(), 1);
  const int magnitude = 64 - std::countl_zero(static_cast<uint64_t>(ahead));
  const int bits = std::max(Arming::kBucketBits, magnitude - kExactBits);
  return TimeFromUnixNanos(UnixNanos(deadline) >> bits << bits);
}

}  // namespace

void Expiry::Put(RecordHandle handle, Time start, Arming* arming) {
  if (recent_ == far_.end() || recent_->first != start) recent_ = far_.try_emplace(start).first;
  recent_->second.push_back(handle);
  ++entries_;
  *arming = Arming::At(start);
}

void Expiry::ArmEarlier(RecordHandle handle, Time deadline, Time now, Arming* arming) {
  const Time start = BucketStart(deadline, now);
  if (start > now) {
    Put(handle, start, arming);
    next_ = std::min(next_, start);
    return;
  }
  near_.push({deadline, handle});
  *arming = Arming::Near();
  next_ = std::min(next_, deadline);
}

void Expiry::OpenBuckets(Time now, Records* records) {
  const size_t before = opened_.size();
  while (!far_.empty() && far_.begin()->first <= now) {
    const Time start = far_.begin()->first;
    const std::vector<RecordHandle> handles = std::move(far_.begin()->second);
    far_.erase(far_.begin());
    recent_ = far_.end();
    entries_ -= handles.size();
    for (const RecordHandle handle : handles) {
      Arming* const arming = records->Armed(handle);
      if (arming == nullptr || *arming != Arming::At(start)) continue;  // Stale.
      const Time deadline = records->Deadline(handle);
      if (const Time next = BucketStart(deadline, now); next > now) {
        Put(handle, next, arming);
        continue;
      }
      opened_.push_back({deadline, handle});
      *arming = Arming::Near();
    }
  }
  if (opened_.size() > before) std::sort(opened_.begin(), opened_.end(), std::greater<>());
}

bool Expiry::TakeEarliest(Time now, const Records& records, Near* entry) {
  if (!opened_.empty() && (near_.empty() || !(opened_.back() > near_.top()))) {
    *entry = opened_.back();
    if (entry->deadline > now) return false;
    opened_.pop_back();
    constexpr size_t kAhead = 6;
    const size_t left = opened_.size();
    if (left > 2 * kAhead) records.LoadFirst(opened_[left - 2 * kAhead].handle);
    if (left > kAhead) records.LoadNext(opened_[left - kAhead].handle);
    if (opened_.empty()) opened_.shrink_to_fit();
    return true;
  }
  if (near_.empty() || near_.top().deadline > now) return false;
  *entry = near_.top();
  near_.pop();
  return true;
}

void Expiry::DropStale(Records* records) {
  entries_ = 0;
  recent_ = far_.end();
  for (auto bucket = far_.begin(); bucket != far_.end();) {
    std::vector<RecordHandle>& handles = bucket->second;
    std::erase_if(handles, [&](RecordHandle handle) {
      const Arming* const arming = records->Armed(handle);
      return arming == nullptr || *arming != Arming::At(bucket->first);
    });
    // A record that was freed and armed here again stands here twice.
    std::sort(handles.begin(), handles.end());
    handles.erase(std::unique(handles.begin(), handles.end()), handles.end());
    handles.shrink_to_fit();
    entries_ += handles.size();
    bucket = handles.empty() ? far_.erase(bucket) : std::next(bucket);
  }
}

bool Expiry::PopDue(Time now, Records* records, RecordHandle* handle) {
  if (next_ > now) return false;
  OpenBuckets(now, records);
  bool found = false;
  Near entry{};
  while (!found && TakeEarliest(now, *records, &entry)) {
    Arming* const arming = records->Armed(entry.handle);
    if (arming == nullptr || *arming != Arming::Near()) continue;  // Stale.
    *arming = {};
    const Time deadline = records->Deadline(entry.handle);
    // When it moved later but is due as well: keep the order of deadlines. A record may
    // have several entries here; whichever is of its deadline finds it.
    found = deadline == entry.deadline;
    if (!found) Arm(entry.handle, deadline, now, arming);
  }
  SetNext();
  *handle = entry.handle;
  return found;
}

void Expiry::SetNext() {
  next_ = kForever;
  if (!opened_.empty()) next_ = opened_.back().deadline;
  if (!near_.empty()) next_ = std::min(next_, near_.top().deadline);
  if (!far_.empty()) next_ = std::min(next_, far_.begin()->first);
}

}  // namespace conntrack
