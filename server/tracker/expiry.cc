#include "server/tracker/expiry.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <iterator>
#include <utility>

namespace conntrack {
namespace {

// 2^26 ns, 67 ms: the narrowest bucket.
constexpr int kNarrowestBits = 26;
// Up to 2^6 narrowest buckets ahead (4 s) buckets are narrowest; beyond, a
// bucket is at most 1/32 of the distance wide: some 64 buckets for each doubling
// of the distance, and two or three looks at an entry in its life.
constexpr int kExactBits = 6;

// The start of the bucket for a deadline `ahead` of the present.
Time BucketStart(Time deadline, Time now) {
  const int64_t ahead = std::max<int64_t>((deadline - now).count(), 1);
  const int magnitude = 64 - std::countl_zero(static_cast<uint64_t>(ahead));
  const int bits = std::max(kNarrowestBits, magnitude - kExactBits);
  return TimeFromUnixNanos(UnixNanos(deadline) >> bits << bits);
}

}  // namespace

bool Expiry::PutAhead(RecordHandle handle, Time deadline, Time now, Time* armed) {
  const Time start = BucketStart(deadline, now);
  if (start <= now) return false;
  far_[start].push_back(handle);
  ++entries_;
  *armed = start;
  return true;
}

void Expiry::Arm(RecordHandle handle, Time deadline, Time now, Time* armed) {
  if (*armed <= deadline) return;
  if (!PutAhead(handle, deadline, now, armed)) {
    near_.push({deadline, handle});
    *armed = deadline;
  }
  next_ = std::min(next_, *armed);
}

void Expiry::OpenBuckets(Time now, Records* records) {
  const size_t before = opened_.size();
  while (!far_.empty() && far_.begin()->first <= now) {
    const Time start = far_.begin()->first;
    const std::vector<RecordHandle> handles = std::move(far_.begin()->second);
    far_.erase(far_.begin());
    entries_ -= handles.size();
    for (const RecordHandle handle : handles) {
      Time* armed = records->Armed(handle);
      if (armed == nullptr || *armed != start) continue;  // Stale.
      const Time deadline = records->Deadline(handle);
      if (PutAhead(handle, deadline, now, armed)) continue;
      opened_.push_back({deadline, handle});
      *armed = deadline;
    }
  }
  if (opened_.size() > before) std::sort(opened_.begin(), opened_.end(), std::greater<>());
}

bool Expiry::TakeEarliest(Time now, Near* entry) {
  if (!opened_.empty() && (near_.empty() || !(opened_.back() > near_.top()))) {
    *entry = opened_.back();
    if (entry->deadline > now) return false;
    opened_.pop_back();
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
  for (auto bucket = far_.begin(); bucket != far_.end();) {
    std::vector<RecordHandle>& handles = bucket->second;
    std::erase_if(handles, [&](RecordHandle handle) {
      const Time* armed = records->Armed(handle);
      return armed == nullptr || *armed != bucket->first;
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
  while (!found && TakeEarliest(now, &entry)) {
    Time* armed = records->Armed(entry.handle);
    if (armed == nullptr || *armed != entry.deadline) continue;  // Stale.
    *armed = kForever;
    const Time deadline = records->Deadline(entry.handle);
    // When it moved later but is due as well: keep the order of deadlines.
    found = deadline == entry.deadline;
    if (!found) Arm(entry.handle, deadline, now, armed);
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
