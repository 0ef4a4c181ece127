#include "server/expiry_thread.h"

#include <utility>

namespace conntrack {
namespace {

// Few enough that a slot's lock is held for some tens of microseconds.
constexpr size_t kSlotLimit = 256;

}  // namespace

ExpiryThread::ExpiryThread(Tracker* tracker, const ServerClock* clock, Duration interval,
                           std::function<void()> on_events)
    : tracker_(tracker),
      clock_(clock),
      interval_(interval),
      on_events_(std::move(on_events)),
      thread_([this] { Run(); }) {}

ExpiryThread::~ExpiryThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  wake_.notify_all();
  thread_.join();
}

void ExpiryThread::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval_, [this] { return stopping_.load(); })) {
    lock.unlock();
    ExpireAll();
    lock.lock();
  }
}

void ExpiryThread::ExpireAll() {
  size_t expired = 0;
  do {
    expired = tracker_->Expire(clock_->Now(), kSlotLimit);
    if (expired > 0 && on_events_) on_events_();
    // With this many, a slot may have reached its limit with more to do.
  } while (expired >= kSlotLimit && !stopping_.load());
}

}  // namespace conntrack
