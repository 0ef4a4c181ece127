#include "client/sensor/feed.h"

#include <algorithm>
#include <utility>

namespace conntrack::sensor {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kHeartbeatInterval{1};

// How long the kernel and this program may hold a packet: a heartbeat never
// claims to be later than packets that are still on their way.
constexpr uint64_t kCaptureDelayNs = 1'000'000'000;

// What a message may hold besides the rows of packets.
constexpr uint32_t kChunksBytesMax = BatchBuilder::kChunksMax * BatchBuilder::kChunkBytes;

// Frames between two looks at the clock when the input never pauses.
constexpr uint64_t kFramesPerTurn = 256;

constexpr milliseconds kWaitStep{5};

uint64_t UnixNowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

Feed::Feed(const Options& options, Capture* capture, client::IngestSession* session,
           StopSignal* stop)
    : options_(options),
      capture_(capture),
      session_(session),
      stop_(stop),
      sender_(
          session, options.buffer_bytes_max,
          live() ? Sender::WaitCall() : [this] { return WaitForRoom(); }),
      pipeline_(PipelineOptions{options.batch_packets_max, options.checksums, {}},
                [this](v1::PacketBatch batch) { sender_.Send(std::move(batch)); }),
      progress_(true, Clock::now()),
      next_heartbeat_(Clock::now() + kHeartbeatInterval) {
  if (!live() && options.speed > 0) pacer_.emplace(options.speed);
  AdoptLimits();
}

absl::Status Feed::Read() {
  return capture_->Run([this](const Frame& frame) { return Take(frame); },
                       [this] { return Turn(); });
}

bool Feed::Take(const Frame& frame) {
  if (pacer_.has_value() && !WaitUntilDue(frame.time_unix_ns)) return false;
  pipeline_.Take(frame);
  if (live() || pipeline_.read_packets() % kFramesPerTurn != 0) return sender_.failure().ok();
  return Turn();
}

// A packet that is not due when a signal comes was not read.
bool Feed::WaitUntilDue(uint64_t time_unix_ns) {
  const Clock::time_point due = pacer_->Due(time_unix_ns, Clock::now());
  for (;;) {
    const Clock::time_point now = Clock::now();
    if (now >= due) return true;
    const auto left = std::chrono::ceil<milliseconds>(due - now);
    stop_->Wait(std::min<milliseconds>(left, kIdleInterval));
    if (!Turn()) return false;
  }
}

bool Feed::Turn() {
  const Clock::time_point now = Clock::now();
  SendLateBatch(now);
  if (now >= next_heartbeat_) {
    AdoptLimits();
    uint64_t time_unix_ns = 0;
    if (live() && options_.clock == v1::CLOCK_PACKET) {
      pipeline_.Flush();
      time_unix_ns = UnixNowNs() - kCaptureDelayNs;
    }
    SendHeartbeat(time_unix_ns);
    next_heartbeat_ = now + kHeartbeatInterval;
  }
  Show(now);
  return sender_.failure().ok() && !stop_->Requested();
}

void Feed::SendLateBatch(Clock::time_point now) {
  if (pipeline_.open_packets() == 0) {
    late_at_.reset();
  } else if (!late_at_.has_value() || open_after_batches_ != pipeline_.batches()) {
    late_at_ = now + options_.batch_delay;
    open_after_batches_ = pipeline_.batches();
  } else if (now >= *late_at_) {
    pipeline_.Flush();
    late_at_.reset();
  }
}

void Feed::SendHeartbeat(uint64_t time_unix_ns) {
  v1::Heartbeat heartbeat;
  heartbeat.set_time_unix_ns(time_unix_ns);
  *heartbeat.mutable_counts() = ledger().ToSensorCounts(sender_.counts());
  session_->Heartbeat(heartbeat);
}

void Feed::Show(Clock::time_point now) {
  if (!progress_.Due(now)) return;
  const client::IngestCounts sent = sender_.counts();
  progress_.Draw(ProgressState{pipeline_.read_packets(), sent.acknowledged_packets,
                               sent.dropped_packets + capture_->kernel_drops().ring_full,
                               capture_->read_bytes(), capture_->total_bytes()},
                 now);
}

// The pipeline stands in the middle of a flush here, so it is left alone. After
// a signal the server has the finish timeout to make room.
bool Feed::WaitForRoom() {
  const bool stopping = stop_->Wait(kWaitStep);
  const Clock::time_point now = Clock::now();
  if (now >= next_heartbeat_) {
    SendHeartbeat(0);
    next_heartbeat_ = now + kHeartbeatInterval;
  }
  Show(now);
  if (!stopping) return true;
  if (!give_up_at_.has_value()) give_up_at_ = now + options_.finish_timeout;
  return now < *give_up_at_;
}

// The server may have other limits after a reconnect.
void Feed::AdoptLimits() {
  const uint64_t connects = session_->counts().connects;
  if (connects == connects_) return;
  connects_ = connects;
  const v1::Welcome welcome = session_->welcome();
  uint32_t packets_max = std::min(options_.batch_packets_max, welcome.batch_packets_max());
  const uint32_t bytes_max = welcome.message_bytes_max();
  const uint32_t packet_bytes_max = bytes_max - std::min(bytes_max, kChunksBytesMax);
  packets_max = std::min(packets_max, packet_bytes_max / BatchBuilder::kPacketBytesMax);
  pipeline_.SetBatchPacketsMax(std::max(packets_max, 1u));
}

absl::Status Feed::Finish() {
  pipeline_.Finish();
  SendHeartbeat(0);
  if (!give_up_at_.has_value()) give_up_at_ = Clock::now() + options_.finish_timeout;
  // In steps rather than in the session's Finish, so that progress goes on and
  // a second signal ends the program.
  while (sender_.failure().ok() && session_->counts().pending_packets != 0 &&
         Clock::now() < *give_up_at_) {
    stop_->Wait(kWaitStep);
    Show(Clock::now());
  }
  const absl::Status failure = sender_.failure();
  const auto left = std::chrono::ceil<milliseconds>(*give_up_at_ - Clock::now());
  const absl::Status finished = session_->Finish(std::max(left, milliseconds(1)));
  progress_.Clear();
  return failure.ok() ? finished : failure;
}

Ledger Feed::ledger() {
  Ledger ledger = pipeline_.ledger();
  ledger.kernel_dropped_packets = capture_->kernel_drops().ring_full;
  return ledger;
}

}  // namespace conntrack::sensor
