#include "client/cpp/backoff.h"

namespace conntrack::client {

Backoff::Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max, uint32_t seed)
    : min_(min), max_(max), current_(min), random_(seed) {}

std::chrono::milliseconds Backoff::Next() {
  std::uniform_int_distribution<int64_t> draw(current_.count() - current_.count() / 2,
                                              current_.count());
  const std::chrono::milliseconds delay(draw(random_));
  // Halving `max_` keeps the doubling from overflowing.
  current_ = current_ > max_ / 2 ? max_ : current_ * 2;
  return delay;
}

}  // namespace conntrack::client
