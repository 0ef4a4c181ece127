#include "server/watch_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/status.h"
#include "server/watcher.h"

namespace conntrack {
namespace {

// How often idle watchers are looked at without a notice: for bookmarks.
constexpr std::chrono::milliseconds kTick{500};
// They are woken at once, but no sooner than this after the last time: under load
// events come in messages worth sending, and ingest pays for few notices.
constexpr std::chrono::microseconds kWakeInterval{500};

// A watch that ends before it began.
class RefusedWatch final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedWatch(const absl::Status& status) { Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

WatchService::WatchService(const WatchOptions& options, Tracker* tracker,
                           const SensorRegistry* sensors, const ServerClock* clock,
                           WatchStats* stats)
    : options_(options),
      tracker_(tracker),
      wire_{sensors, tracker->options().slot_count},
      feed_(tracker, wire_),
      clock_(clock),
      stats_(stats),
      wake_thread_([this] { WakeLoop(); }) {}

WatchService::~WatchService() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  wake_thread_.join();
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchService::Watch(
    grpc::CallbackServerContext* /*context*/, const grpc::ByteBuffer* request_bytes) {
  grpc::ByteBuffer bytes = *request_bytes;
  v1::WatchRequest request;
  if (!grpc::SerializationTraits<v1::WatchRequest>::Deserialize(&bytes, &request).ok()) {
    return new RefusedWatch(absl::InvalidArgumentError("the message is not a WatchRequest"));
  }
  if (draining()) return new RefusedWatch(absl::UnavailableError("the server drains"));
  auto watcher = std::make_shared<Watcher>(this);
  if (absl::Status status = watcher->Init(request); !status.ok()) {
    return new RefusedWatch(status);
  }
  bool full = false;
  {
    const MutexLock lock(&mutex_);
    full = watchers_.size() >= options_.watchers_max;
    if (!full) watchers_.push_back(watcher);
  }
  if (full) {
    return new RefusedWatch(absl::ResourceExhaustedError(
        absl::StrCat("more than ", options_.watchers_max, " watchers")));
  }
  stats_->watchers.fetch_add(1);
  Watcher* const reactor = watcher.get();
  reactor->Begin(std::move(watcher));
  return reactor;
}

void WatchService::Remove(const Watcher* watcher) {
  stats_->watchers.fetch_sub(1);
  const MutexLock lock(&mutex_);
  std::erase_if(watchers_, [&](const auto& entry) { return entry.get() == watcher; });
}

void WatchService::Notify() {
  // Either this sees the watcher that goes idle, or it sees the new events.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (idle_count_.load(std::memory_order_relaxed) == 0) return;
  if (notified_.load(std::memory_order_relaxed) || notified_.exchange(true)) return;
  {
    // Between the waiter's last look and its wait.
    const MutexLock lock(&mutex_);
  }
  woken_.notify_one();
}

void WatchService::BeginDrain() {
  draining_.store(true);
  notified_.store(true);
  woken_.notify_one();
}

void WatchService::WakeLoop() {
  auto last = std::chrono::steady_clock::now();
  while (true) {
    std::vector<std::shared_ptr<Watcher>> watchers;
    {
      std::unique_lock lock(mutex_.native());
      const auto stopping = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopping_; };
      woken_.wait_for(lock, kTick, [&] { return stopping() || notified_.load(); });
      woken_.wait_until(lock, last + kWakeInterval, stopping);
      if (stopping()) return;
      // Before they look: events of later notices may come too late for that.
      notified_.store(false);
      const auto current = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return watchers_; };
      watchers = current();
    }
    last = std::chrono::steady_clock::now();
    for (const auto& watcher : watchers) watcher->Wake();
  }
}

}  // namespace conntrack
