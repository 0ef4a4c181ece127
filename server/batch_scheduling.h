// BatchScheduling makes the threads that are created while it lives, and those that they
// create, batch threads (SCHED_BATCH).
//
// Woken up, such a thread does not push another off its core, but waits for its turn of
// a few milliseconds at most. gRPC wakes a thread for whatever arrives; if each of them
// interrupted one that tracks packets, small batches would cost a third more.
//
// To be made and destroyed in one thread.
#pragma once

#include <sched.h>

namespace conntrack {

class BatchScheduling {
 public:
  BatchScheduling() : policy_(sched_getscheduler(0)) {
    // Who chose another policy keeps it. A system that refuses works as well, only slower.
    if (policy_ == SCHED_OTHER && sched_getparam(0, &parameters_) == 0) Set(SCHED_BATCH);
  }
  ~BatchScheduling() {
    if (policy_ == SCHED_OTHER) Set(SCHED_OTHER);
  }
  BatchScheduling(const BatchScheduling&) = delete;
  BatchScheduling& operator=(const BatchScheduling&) = delete;

 private:
  void Set(int policy) { sched_setscheduler(0, policy, &parameters_); }

  const int policy_;
  sched_param parameters_ = {};
};

}  // namespace conntrack
