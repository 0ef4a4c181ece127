// The server's clock: Unix time at the start of the process, moved on by the
// steady clock, so that it never jumps when the system's time is set.
//
// Thread-safe. Now() costs one clock read.
#pragma once

#include <chrono>

#include "server/tracker/time.h"

namespace conntrack {

class ServerClock {
 public:
  Time Now() const { return start_ + (std::chrono::steady_clock::now() - steady_start_); }
  Time start() const { return start_; }

 private:
  const std::chrono::steady_clock::time_point steady_start_ = std::chrono::steady_clock::now();
  const Time start_ = Time(
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
};

}  // namespace conntrack
