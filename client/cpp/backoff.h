// How long to wait before the next try to connect.
//
// The delay doubles from a least to a most. Each is drawn from its upper half,
// so that clients that lost one server do not come back all at once.
//
// Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace conntrack::client {

class Backoff {
 public:
  // REQUIRES: 0 < min <= max.
  Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max, uint32_t seed);

  // The next delay, in [d/2, d], where d is `min` at first and then doubles up
  // to `max`.
  std::chrono::milliseconds Next();

  // Begins again at `min`.
  void Reset() { current_ = min_; }

 private:
  const std::chrono::milliseconds min_;
  const std::chrono::milliseconds max_;
  std::chrono::milliseconds current_;
  std::minstd_rand random_;
};

}  // namespace conntrack::client
