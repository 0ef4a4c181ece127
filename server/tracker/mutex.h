// Mutex is std::mutex with the annotations that let clang check at compile time
// which lock guards what. std::mutex rather than absl::Mutex, because
// ThreadSanitizer does not see into a distribution's abseil.
//
// What it guards is held for microseconds, so Lock spins as long before it
// sleeps: waking up takes longer than the wait.
#pragma once

#include <emmintrin.h>

#include <atomic>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace conntrack {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!mutex_.try_lock()) Wait();
    if (observer_ != nullptr) observer_(true);
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (observer_ != nullptr) observer_(false);
    mutex_.unlock();
  }

  // For tests that measure how long locks are held: called in the thread that has just
  // taken any Mutex (true), or will let go of it (false). Null: nobody looks.
  //
  // REQUIRES: no Mutex is in use by another thread.
  static void SetObserver(void (*observer)(bool taken)) { observer_ = observer; }

  // For a thread that has just unlocked and will lock again: lets those go first
  // who wait, which they otherwise seldom could. A microsecond or so at most.
  void GiveWay() {
    for (int i = 0; i < kSpins / 4 && waiting_.load(std::memory_order_relaxed) > 0; ++i) {
      _mm_pause();
    }
  }

  // The wrapped mutex, for std::condition_variable.
  std::mutex& native() { return mutex_; }

 private:
  // Of some 10 ns each.
  static constexpr int kSpins = 400;

  void Wait() {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    bool taken = false;
    for (int i = 0; i < kSpins && !taken; ++i) {
      _mm_pause();
      taken = mutex_.try_lock();
    }
    if (!taken) mutex_.lock();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }

  static inline void (*observer_)(bool) = nullptr;

  std::mutex mutex_;
  std::atomic<int> waiting_{0};
};

// Holds a Mutex while it lives.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace conntrack
