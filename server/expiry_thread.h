// ExpiryThread ends connections whose time has come, at an interval, because
// the tracker has neither a thread nor a clock.
//
// Thread-safe: the thread runs from construction to destruction.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "server/server_clock.h"
#include "server/tracker/time.h"
#include "server/tracker/tracker.h"

namespace conntrack {

class ExpiryThread {
 public:
  // `on_events` is called after connections ended. The pointers must outlive
  // this.
  ExpiryThread(Tracker* tracker, const ServerClock* clock, Duration interval,
               std::function<void()> on_events);
  ~ExpiryThread();
  ExpiryThread(const ExpiryThread&) = delete;
  ExpiryThread& operator=(const ExpiryThread&) = delete;

 private:
  void Run();
  void ExpireAll();

  Tracker* const tracker_;
  const ServerClock* const clock_;
  const Duration interval_;
  const std::function<void()> on_events_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace conntrack
