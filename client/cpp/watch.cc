#include "conntrack/watch.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/backoff.h"
#include "client/cpp/reconnect.h"
#include "client/cpp/slot_positions.h"
#include "conntrack/status.h"
#include "conntrack/v1/watch_service.grpc.pb.h"

namespace conntrack::client {
namespace {

// The oldest token that the server would take; empty when it did not say.
std::string OldestToken(const absl::Status& status) {
  const auto reason = ReasonOf(status);
  if (!reason.has_value()) return "";
  const auto entry = reason->metadata.find("oldest_resume_token");
  std::string token;
  if (entry == reason->metadata.end() || !absl::Base64Unescape(entry->second, &token)) return "";
  return token;
}

class StreamWatcher final : public Watcher {
 public:
  StreamWatcher(std::shared_ptr<grpc::Channel> channel, const WatchOptions& options, uint32_t seed)
      : channel_(std::move(channel)),
        stub_(v1::WatchService::NewStub(channel_)),
        options_(options),
        backoff_(options.backoff_min, options.backoff_max, seed),
        token_(options.resume_token) {}

  ~StreamWatcher() override {
    StreamWatcher::Stop();
    if (stream_ != nullptr) CloseStream().IgnoreError();
  }

  absl::StatusOr<WatchItem> Next() override;
  void Stop() override;
  std::string resume_token() const override {
    std::lock_guard lock(mutex_);
    return token_;
  }

 private:
  absl::Status OpenStream();
  absl::Status CloseStream();
  bool Take(WatchItem* item);
  absl::StatusOr<WatchItem> TakeEnd(const absl::Status& end);
  WatchItem Reset(absl::Status why);
  void SetToken(std::string token) {
    std::lock_guard lock(mutex_);
    token_ = std::move(token);
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::WatchService::Stub> stub_;
  const WatchOptions options_;

  // For the thread that calls Next.
  Backoff backoff_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> stream_;
  SlotPositions positions_;
  bool wait_ = false;          // The last try failed: wait before the next.
  bool began_ = false;         // The server sent something since the last reset.
  bool asked_oldest_ = false;  // With the oldest token, and there was no answer yet.
  absl::Status failure_;       // What no reconnect can mend.
  v1::WatchResponse held_;     // To be given after a gap that was found in front of it.
  bool holds_ = false;

  mutable std::mutex mutex_;
  std::condition_variable stopped_wakes_;
  // Guarded by mutex_.
  std::unique_ptr<grpc::ClientContext> context_;  // Null: no stream is open.
  std::string token_;
  bool stopped_ = false;
};

void StreamWatcher::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  if (context_ != nullptr) context_->TryCancel();
  stopped_wakes_.notify_all();
}

// Cancelled when stopped.
absl::Status StreamWatcher::OpenStream() {
  v1::WatchRequest request;
  request.set_filter(options_.filter);
  for (const v1::EventType type : options_.event_types) request.add_event_types(type);
  grpc::ClientContext* context = nullptr;
  {
    std::unique_lock lock(mutex_);
    if (wait_) {
      stopped_wakes_.wait_for(lock, backoff_.Next(), [this] { return stopped_; });
      lock.unlock();
      TryConnect(*channel_, [this] {
        std::lock_guard stop_lock(mutex_);
        return stopped_;
      });
      lock.lock();
    }
    if (stopped_) return absl::CancelledError("stopped");
    if (!token_.empty()) {
      request.set_resume_token(token_);
    } else {
      request.set_snapshot(options_.snapshot);
    }
    context_ = std::make_unique<grpc::ClientContext>();
    context = context_.get();
  }
  stream_ = stub_->Watch(context, request);
  return absl::OkStatus();
}

absl::Status StreamWatcher::CloseStream() {
  const absl::Status status = FromGrpcStatus(stream_->Finish());
  stream_.reset();
  std::lock_guard lock(mutex_);
  context_.reset();
  if (stopped_) return absl::CancelledError("stopped");
  return status.ok() ? absl::UnavailableError("the server ended the stream") : status;
}

absl::StatusOr<WatchItem> StreamWatcher::Next() {
  if (holds_) {
    holds_ = false;
    return WatchItem{WatchItem::Kind::kMessage, std::move(held_), {}};
  }
  for (;;) {
    if (!failure_.ok()) return failure_;
    if (stream_ == nullptr) {
      const absl::Status opened = OpenStream();
      if (!opened.ok()) return opened;
    }
    WatchItem item;
    while (stream_->Read(&item.message)) {
      wait_ = false;
      began_ = true;
      asked_oldest_ = false;
      backoff_.Reset();
      if (Take(&item)) return item;
    }
    return TakeEnd(CloseStream());
  }
}

// Notes what the message means for this watcher. False when nothing of it is
// new.
bool StreamWatcher::Take(WatchItem* item) {
  switch (item->message.message_case()) {
    case v1::WatchResponse::kSnapshotEnd:
      SetToken(item->message.snapshot_end().resume_token());
      return true;
    case v1::WatchResponse::kBookmark:
      SetToken(item->message.bookmark().resume_token());
      return true;
    case v1::WatchResponse::kLoss:
      positions_.Skip(item->message.loss());
      return true;
    case v1::WatchResponse::kEvents: {
      v1::WatchResponse gaps;
      v1::EventBatch* batch = item->message.mutable_events();
      const bool had_events = batch->events_size() > 0;
      positions_.Advance(batch, gaps.mutable_loss());
      if (gaps.loss().ranges_size() == 0) return !had_events || batch->events_size() > 0;
      held_.Swap(&item->message);
      holds_ = true;
      item->message.Swap(&gaps);
      return true;
    }
    case v1::WatchResponse::kSnapshot:
      return true;
    // A newer server may say what this client does not know.
    case v1::WatchResponse::MESSAGE_NOT_SET:
      return false;
  }
  return false;
}

WatchItem StreamWatcher::Reset(absl::Status why) {
  positions_.Clear();
  began_ = false;
  return WatchItem{WatchItem::Kind::kReset, {}, std::move(why)};
}

// What the end of the stream means.
absl::StatusOr<WatchItem> StreamWatcher::TakeEnd(const absl::Status& end) {
  if (end.code() == absl::StatusCode::kCancelled && end.message() == "stopped") return end;
  if (IsPermanent(end)) {
    failure_ = end;
    return end;
  }
  const bool had_token = !resume_token().empty();
  // This is an answer, and the next try is another question: nothing to wait for.
  wait_ = end.code() != absl::StatusCode::kOutOfRange || !had_token;
  if (!wait_) {
    // A snapshot tells more than the oldest changes would. Where those are gone
    // before they can be asked for, what comes from now on has to do.
    asked_oldest_ = !options_.snapshot && !asked_oldest_;
    SetToken(asked_oldest_ ? OldestToken(end) : "");
    return Reset(end);
  }
  if (began_ && !had_token) {
    return Reset(absl::Status(
        end.code(), absl::StrCat("the connection broke before there was a place to resume from: ",
                                 std::string(end.message()))));
  }
  return WatchItem{WatchItem::Kind::kDisconnected, {}, end};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Watcher>> Watcher::Start(std::shared_ptr<grpc::Channel> channel,
                                                        const WatchOptions& options) {
  if (channel == nullptr) return absl::InvalidArgumentError("channel is null");
  if (options.snapshot && !options.resume_token.empty()) {
    return absl::InvalidArgumentError("snapshot and resume_token exclude each other");
  }
  if (options.backoff_min.count() < 1 || options.backoff_max < options.backoff_min) {
    return absl::InvalidArgumentError(
        absl::StrCat("backoff_min ", options.backoff_min.count(), " ms and backoff_max ",
                     options.backoff_max.count(), " ms are not 1 ms or more, in this order"));
  }
  return std::make_unique<StreamWatcher>(std::move(channel), options, std::random_device()());
}

}  // namespace conntrack::client
