// Turn lets calls of Tracker::Process in several threads overlap and still follow
// each other: in each slot the packets of the earlier call come first, as if the later
// one had begun when it was over.
//
// One for each thread that calls; it must outlive every call that follows it.
// Follow is called by one thread at a time, in the order of the calls. The rest is
// thread-safe.
#pragma once

#include <emmintrin.h>

#include <atomic>
#include <cstdint>

namespace conntrack {

class Turn {
 public:
  Turn() = default;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Begins a turn right after the one that `before` has now; null: after none.
  //
  // REQUIRES: over().
  void Follow(const Turn* before) {
    begin_ += kSteps;
    before_ = before != nullptr && !before->over() ? before : nullptr;
    if (before_ != nullptr) before_begin_ = before->begin_;
  }

  // Waits until the turn before this one is over in a slot, or in all.
  void WaitFor(uint32_t slot) const {
    if (before_ != nullptr) before_->WaitUntil(before_begin_ + slot + 1);
  }
  void WaitForAll() const { WaitFor(kSteps - 1); }

  // This turn is over in all slots below `slot`, or in all.
  void Leave(uint32_t slot) {
    reached_.store(begin_ + slot, std::memory_order_release);
    reached_.notify_all();
  }
  void LeaveAll() { Leave(kSteps); }

  // Whether this turn is over, and how to wait for that.
  bool over() const { return IsPast(reached_.load(std::memory_order_acquire), begin_ + kSteps); }
  void WaitUntilOver() const { WaitUntil(begin_ + kSteps); }

 private:
  // More than there can be slots.
  static constexpr uint32_t kSteps = 1u << 13;
  // Of some 10 ns each: the thread ahead is seldom further away.
  static constexpr int kSpins = 400;

  // Numbers begin again at 0 some day, so that only differences count.
  static bool IsPast(uint32_t reached, uint32_t step) {
    return static_cast<int32_t>(reached - step) >= 0;
  }
  void WaitUntil(uint32_t step) const {
    for (int i = 0;; ++i) {
      const uint32_t reached = reached_.load(std::memory_order_acquire);
      if (IsPast(reached, step)) return;
      if (i < kSpins) {
        _mm_pause();
      } else {
        reached_.wait(reached, std::memory_order_acquire);
      }
    }
  }

  // Turns of one object are numbered on: what waits for an old one sees it over for ever.
  // The first one begins at 0.
  uint32_t begin_ = 0 - kSteps;
  // Null when it was over already.
  const Turn* before_ = nullptr;
  uint32_t before_begin_ = 0;
  std::atomic<uint32_t> reached_{0};
};

}  // namespace conntrack
