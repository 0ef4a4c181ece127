// WatchService streams changes to watchers (conntrack/v1/watch_service.proto).
//
// Watchers read the event logs of the slots at their own pace; nothing waits
// for them. One thread wakes those that have caught up when events come, and
// each about once a second for its bookmark.
//
// Thread-safe. BeginDrain ends every watch after the events so far; the
// destructor must run after the grpc::Server has shut down.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>
#include <vector>

#include "conntrack/v1/watch_service.grpc.pb.h"
#include "server/convert.h"
#include "server/event_feed.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/mutex.h"
#include "server/tracker/tracker.h"
#include "server/watch_stats.h"

namespace conntrack {

struct WatchOptions {
  uint32_t watchers_max = 1024;
  // Connections that a watcher with a filter may match at a time, because each
  // must be remembered to say when it leaves; 8 bytes and some each.
  size_t matches_max = 1u << 20;
};

class Watcher;

// Responses are bytes: most are written without the generated classes.
class WatchService final
    : public v1::WatchService::WithRawCallbackMethod_Watch<v1::WatchService::Service> {
 public:
  // The pointers must outlive this.
  WatchService(const WatchOptions& options, Tracker* tracker, const SensorRegistry* sensors,
               const ServerClock* clock, WatchStats* stats);
  ~WatchService() override;

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;

  // Says that there are new events. Cheap when nobody waits for them.
  void Notify();
  void BeginDrain();
  bool draining() const { return draining_.load(); }

  Tracker* tracker() const { return tracker_; }
  const WireContext& wire() const { return wire_; }
  EventFeed* feed() { return &feed_; }
  const ServerClock* clock() const { return clock_; }
  WatchStats* stats() const { return stats_; }
  const WatchOptions& options() const { return options_; }
  // Watchers that wait for events.
  std::atomic<uint32_t>* idle_count() { return &idle_count_; }
  void Remove(const Watcher* watcher);

 private:
  void WakeLoop();

  const WatchOptions options_;
  Tracker* const tracker_;
  const WireContext wire_;
  EventFeed feed_;
  const ServerClock* const clock_;
  WatchStats* const stats_;
  std::atomic<bool> draining_{false};
  std::atomic<uint32_t> idle_count_{0};
  std::atomic<bool> notified_{false};

  Mutex mutex_;
  std::condition_variable_any woken_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
  std::thread wake_thread_;
};

}  // namespace conntrack
