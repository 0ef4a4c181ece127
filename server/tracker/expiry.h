// Expiry finds the connections of one slot and one clock whose deadline has
// come, in the order of their deadlines.
//
// It is lazy: a packet that moves a deadline later tells it nothing. Entries lie
// in buckets by time; when a bucket's time comes, each entry is looked at again
// and moves to its true place, and those due within the bucket are ordered
// exactly. Buckets are 67 ms wide near the present and widen with the distance,
// always rounded down, so there are few of them and an empty Expiry costs
// nothing. A deadline that moves earlier must be armed again; the old entry is
// then recognised as stale, because Record::arming names the one that counts.
//
// Not thread-safe: owned by a slot and guarded by its lock. Arming is an append,
// mostly to the bucket of the entry before, or a lookup among some hundred.
#pragma once

#include <cstdint>
#include <map>
#include <queue>
#include <vector>

#include "server/tracker/arming.h"
#include "server/tracker/time.h"

namespace conntrack {

// Names a record: the index within its table, and which table of the slot.
using RecordHandle = uint32_t;

class Expiry {
 public:
  // Where the expiry asks about a record, and what it may answer.
  class Records {
   public:
    virtual ~Records() = default;
    // Null when the record is free; else where it is armed, to read and set.
    virtual Arming* Armed(RecordHandle handle) = 0;
    // REQUIRES: Armed(handle) != nullptr.
    virtual Time Deadline(RecordHandle handle) const = 0;
    // Two steps of loading what the end of a record reads, some records before it.
    // REQUIRES: Armed(handle) != nullptr, or that it was so a moment ago.
    virtual void LoadFirst(RecordHandle) const {}
    virtual void LoadNext(RecordHandle) const {}
  };

  Expiry() = default;
  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;

  // No armed entry is due before this; kForever when there is none.
  Time next() const { return next_; }
  bool empty() const { return opened_.empty() && near_.empty() && far_.empty(); }
  // Entries in buckets, the stale ones included.
  size_t entries() const { return entries_; }

  // Arms a record: it will be found when `deadline` has come. `arming` is where it is
  // armed now; nothing happens when that is early enough. `now` is the present of the
  // clock.
  void Arm(RecordHandle handle, Time deadline, Time now, Arming* arming) {
    if (!arming->IsBy(deadline)) ArmEarlier(handle, deadline, now, arming);
  }

  // Throws out stale and repeated entries: one is left for each record that is
  // armed in a bucket. Costs a look at every entry and sorts each bucket.
  void DropStale(Records* records);

  // Finds one record whose deadline is at or before `now`, the earliest first,
  // and forgets it. False when there is none.
  bool PopDue(Time now, Records* records, RecordHandle* handle);

 private:
  struct Near {
    Time deadline;
    RecordHandle handle;
    bool operator>(const Near& other) const { return deadline > other.deadline; }
  };

  void ArmEarlier(RecordHandle handle, Time deadline, Time now, Arming* arming);
  // Puts an entry into the bucket that begins at `start`.
  void Put(RecordHandle handle, Time start, Arming* arming);
  // Looks again at every entry of the buckets that have come.
  void OpenBuckets(Time now, Records* records);
  // Takes the entry with the earliest deadline, when that is at or before `now`.
  bool TakeEarliest(Time now, const Records& records, Near* entry);
  void SetNext();

  Time next_ = kForever;
  // Entries of buckets that have come, the earliest last: sorted at once, and
  // taken one by one.
  std::vector<Near> opened_;
  // Those that came later and are due within such buckets; by deadline.
  std::priority_queue<Near, std::vector<Near>, std::greater<>> near_;
  // Start of a bucket -> its entries.
  std::map<Time, std::vector<RecordHandle>> far_;
  // Where an entry was put last: the next is most likely of the same bucket. far_.end()
  // when that is gone.
  std::map<Time, std::vector<RecordHandle>>::iterator recent_ = far_.end();
  size_t entries_ = 0;
};

}  // namespace conntrack
