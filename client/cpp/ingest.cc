#include "conntrack/ingest.h"

#include <algorithm>
#include <random>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/session.h"

namespace conntrack::client {
namespace {

constexpr size_t kSensorIdBytesMax = 63;
constexpr size_t kSoftwareBytesMax = 128;
// Room of a request around its batch: the sequence, two tags, two lengths.
constexpr uint64_t kRequestOverheadBytes = 32;
// What a gRPC server takes unless told otherwise, for batches that come before
// the first welcome.
constexpr uint64_t kMessageBytesMaxUnknown = 4u << 20;
// Only a burst of heartbeats faster than the stream could fill this.
constexpr size_t kHeartbeatsMax = 64;

bool IsSensorIdCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

absl::Status Check(const IngestOptions& options) {
  const std::string& id = options.sensor_id;
  if (id.empty() || id.size() > kSensorIdBytesMax ||
      !std::all_of(id.begin(), id.end(), IsSensorIdCharacter)) {
    return absl::InvalidArgumentError(
        absl::StrCat("sensor_id \"", id, "\" is not 1 to 63 of [A-Za-z0-9._-]"));
  }
  if (options.software.size() > kSoftwareBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("software has ", options.software.size(),
                                                   " bytes, which is above ", kSoftwareBytesMax));
  }
  if (!v1::Clock_IsValid(options.clock)) {
    return absl::InvalidArgumentError(
        absl::StrCat("clock ", static_cast<int>(options.clock), " is unknown"));
  }
  if (options.buffer_bytes_max == 0) {
    return absl::InvalidArgumentError("buffer_bytes_max is 0");
  }
  if (options.backoff_min.count() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("backoff_min ", options.backoff_min.count(), " ms is below 1 ms"));
  }
  if (options.backoff_max < options.backoff_min) {
    return absl::InvalidArgumentError(absl::StrCat("backoff_max ", options.backoff_max.count(),
                                                   " ms is below backoff_min ",
                                                   options.backoff_min.count(), " ms"));
  }
  return absl::OkStatus();
}

// 128 random bits, so that no two runs of any sensor are ever taken for one.
std::string NewSessionId(std::random_device& random) {
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::Hex(random(), absl::kZeroPad8));
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<IngestSession>> IngestSession::Start(
    std::shared_ptr<grpc::Channel> channel, const IngestOptions& options) {
  if (channel == nullptr) return absl::InvalidArgumentError("channel is null");
  if (absl::Status status = Check(options); !status.ok()) return status;
  try {
    std::random_device random;
    std::string session_id = NewSessionId(random);
    return std::make_unique<Session>(std::move(channel), options, std::move(session_id), random());
  } catch (const std::system_error& error) {  // No entropy, or no thread.
    return absl::ResourceExhaustedError(absl::StrCat("cannot start a session: ", error.what()));
  }
}

Session::Session(std::shared_ptr<grpc::Channel> channel, const IngestOptions& options,
                 std::string session_id, uint32_t seed)
    : channel_(std::move(channel)),
      stub_(v1::IngestService::NewStub(channel_)),
      options_(options),
      session_id_(std::move(session_id)),
      seed_(seed),
      batches_(options.buffer_bytes_max),
      writer_([this] { Run(); }) {}

Session::~Session() {
  {
    std::lock_guard lock(mutex_);
    Stop();
  }
  writer_.join();
}

void Session::Stop() {
  stopping_ = true;
  if (stream_.context != nullptr) stream_.context->TryCancel();
  writer_wakes_.notify_all();
  caller_wakes_.notify_all();
}

absl::Status Session::WaitConnected(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  caller_wakes_.wait_for(lock, timeout, [this] { return connects_ > 0 || ended_; });
  if (!failure_.ok()) return failure_;
  if (connects_ > 0) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(
      "no welcome within ", timeout.count(), " ms",
      connection_status_.ok()
          ? ""
          : absl::StrCat("; last error: ",
                         connection_status_.ToString(absl::StatusToStringMode::kWithNoExtraData))));
}

v1::Welcome Session::welcome() const {
  std::lock_guard lock(mutex_);
  return welcome_;
}

absl::Status Session::Send(v1::PacketBatch batch) {
  const uint64_t memory_bytes = batch.SpaceUsedLong();
  const uint64_t message_bytes = batch.ByteSizeLong() + kRequestOverheadBytes;
  std::unique_lock lock(mutex_);
  const uint64_t message_bytes_max =
      connects_ > 0 ? welcome_.message_bytes_max() : kMessageBytesMaxUnknown;
  // The server ends the stream over a message above its limit, and would do so
  // again at each try.
  if (message_bytes > message_bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a batch of ", message_bytes, " bytes is above the server's limit of ", message_bytes_max));
  }
  if (memory_bytes > options_.buffer_bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat("a batch of ", memory_bytes,
                                                   " bytes is above buffer_bytes_max ",
                                                   options_.buffer_bytes_max));
  }
  const auto closed = [this] { return !failure_.ok() || finishing_ || stopping_; };
  if (options_.when_full == WhenFull::kWait) {
    caller_wakes_.wait(lock, [&] { return closed() || batches_.HasRoomFor(memory_bytes); });
  }
  if (!failure_.ok()) return failure_;
  if (closed()) return absl::FailedPreconditionError("Send after Finish");
  if (!batches_.HasRoomFor(memory_bytes)) {
    batches_.Drop(PacketsOf(batch));
    return absl::OkStatus();
  }
  batches_.Add(std::move(batch), memory_bytes);
  writer_wakes_.notify_all();
  return absl::OkStatus();
}

void Session::Heartbeat(const v1::Heartbeat& heartbeat) {
  std::lock_guard lock(mutex_);
  if (finishing_ || ended_) return;
  last_heartbeat_ = QueuedHeartbeat{batches_.next_sequence() - 1, heartbeat};
  // Only the latest counts. A stream that is behind must not starve of them
  // all, though, so those it has not reached yet keep their places.
  if (!stream_.welcomed) heartbeats_.clear();
  if (heartbeats_.size() == kHeartbeatsMax) heartbeats_.pop_back();
  heartbeats_.push_back(*last_heartbeat_);
  writer_wakes_.notify_all();
}

absl::Status Session::Finish(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  finishing_ = true;
  writer_wakes_.notify_all();
  caller_wakes_.notify_all();
  if (!caller_wakes_.wait_for(lock, timeout, [this] { return ended_; })) {
    Stop();
    caller_wakes_.wait(lock, [this] { return ended_; });
  }
  if (!failure_.ok()) return failure_;
  if (batches_.empty()) return absl::OkStatus();
  const IngestCounts& counts = batches_.counts();
  std::string message =
      absl::StrCat(counts.pending_batches, " batches with ", counts.pending_packets,
                   " packets are not acknowledged after ", timeout.count(), " ms");
  if (!connection_status_.ok()) {
    absl::StrAppend(&message, "; last error: ",
                    connection_status_.ToString(absl::StatusToStringMode::kWithNoExtraData));
  }
  return absl::DeadlineExceededError(message);
}

IngestCounts Session::counts() const {
  std::lock_guard lock(mutex_);
  IngestCounts counts = batches_.counts();
  counts.connects = connects_;
  counts.failures = failures_;
  return counts;
}

std::vector<Rejection> Session::rejections() const {
  std::lock_guard lock(mutex_);
  return batches_.rejections();
}

absl::Status Session::connection_status() const {
  std::lock_guard lock(mutex_);
  return connection_status_;
}

}  // namespace conntrack::client
