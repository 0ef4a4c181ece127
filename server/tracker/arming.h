// Where an expiry looks at a connection next, in the four bytes that a record has
// room for: every packet that moves a deadline earlier asks.
//
// Plain data; belongs to the record.
#pragma once

#include <cstdint>

#include "server/tracker/time.h"

namespace conntrack {

class Arming {
 public:
  // 2^26 ns, 67 ms: starts of buckets are multiples of it.
  static constexpr int kBucketBits = 26;

  // Nowhere.
  constexpr Arming() = default;
  // Among those that are due within a bucket that has come; when, it does not say.
  static constexpr Arming Near() { return Arming(kNear); }
  // In the bucket that begins at `start`.
  static constexpr Arming At(Time start) { return Arming(Number(start) << kKindBits | kBucket); }

  // True when it is in a bucket that begins at or before `deadline`. Numbers of buckets
  // go round in two years: REQUIRES that it lies within one year of `deadline`, as it
  // does, since no timeout is longer than 40 days.
  constexpr bool IsBy(Time deadline) const {
    const uint32_t behind = (Number(deadline) << kKindBits) - (value_ & ~kKinds);
    return (value_ & kKinds) == kBucket && static_cast<int32_t>(behind) >= 0;
  }

  friend constexpr bool operator==(const Arming&, const Arming&) = default;

 private:
  // What the low bits say; above them is the number of a bucket.
  static constexpr int kKindBits = 2;
  static constexpr uint32_t kKinds = 3;
  static constexpr uint32_t kNear = 1;
  static constexpr uint32_t kBucket = 2;

  constexpr explicit Arming(uint32_t value) : value_(value) {}
  static constexpr uint32_t Number(Time time) {
    return static_cast<uint32_t>(UnixNanos(time) >> kBucketBits);
  }

  uint32_t value_ = 0;
};

}  // namespace conntrack
