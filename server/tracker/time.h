// Time, as an argument. The clock type has no now(): the tracker can be told
// the time but cannot read it.
#pragma once

#include <chrono>
#include <cstdint>

namespace conntrack {

using Duration = std::chrono::nanoseconds;

// Counts nanoseconds since the Unix epoch.
struct UnixClock {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<UnixClock>;
  static constexpr bool is_steady = false;
};

using Time = UnixClock::time_point;

inline constexpr int64_t kNanosPerSecond = 1'000'000'000;

constexpr Time TimeFromUnixNanos(int64_t nanos) { return Time(Duration(nanos)); }
constexpr int64_t UnixNanos(Time time) { return time.time_since_epoch().count(); }

// Before every time a packet can have.
inline constexpr Time kNeverYet = TimeFromUnixNanos(0);
// After every deadline.
inline constexpr Time kForever = Time::max();

}  // namespace conntrack
