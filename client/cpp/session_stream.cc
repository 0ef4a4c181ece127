// The life of one stream, and what comes between two of them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/backoff.h"
#include "client/cpp/reconnect.h"
#include "client/cpp/session.h"
#include "conntrack/status.h"

namespace conntrack::client {
namespace {

using std::chrono::milliseconds;

// A server that takes the stream and then says nothing.
constexpr milliseconds kWelcomeTimeout{10'000};
// What a draining server may exceed its own grace by.
constexpr milliseconds kDrainSlack{5'000};
// A longer grace is not waited out: the batches are kept anyway.
constexpr int64_t kDrainGraceSecondsMax = 300;

milliseconds GraceOf(const v1::Draining& draining) {
  const auto& grace = draining.grace();
  const int64_t seconds = std::clamp<int64_t>(grace.seconds(), 0, kDrainGraceSecondsMax);
  return milliseconds(seconds * 1000 + std::max(grace.nanos(), 0) / 1'000'000);
}

}  // namespace

void Session::Run() {
  Backoff backoff(options_.backoff_min, options_.backoff_max, seed_);
  const auto done = [this] { return stopping_ || (finishing_ && batches_.empty()); };
  for (;;) {
    bool progressed = false;
    const absl::Status status = RunStream(&progressed);
    std::unique_lock lock(mutex_);
    if (done()) break;
    connection_status_ = status;
    ++failures_;
    if (!stream_.violation.ok() || IsPermanent(status)) {
      failure_ = status;
      break;
    }
    // A server that welcomes us and then fails at once is not to be hurried.
    if (progressed) backoff.Reset();
    const milliseconds asked = RetryDelayOf(status).value_or(milliseconds(0));
    const milliseconds delay = std::max(backoff.Next(), std::min(asked, options_.backoff_max));
    writer_wakes_.wait_for(lock, delay, done);
    if (done()) break;
    lock.unlock();
    TryConnect(*channel_, [this, &done] {
      std::lock_guard stop_lock(mutex_);
      return done();
    });
  }
  std::lock_guard lock(mutex_);
  ended_ = true;
  caller_wakes_.notify_all();
}

// Opens a stream, feeds it until it ends, and returns why it ended; never OK.
absl::Status Session::RunStream(bool* progressed) {
  grpc::ClientContext context;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return absl::CancelledError("stopped");
    stream_ = StreamState();
    stream_.context = &context;
    heartbeats_.clear();
    if (last_heartbeat_.has_value()) heartbeats_.push_back(*last_heartbeat_);
  }
  const std::unique_ptr<Stream> stream = stub_->Ingest(&context);
  std::thread reader([this, &stream] { ReadStream(*stream); });
  WriteStream(*stream);
  reader.join();
  const absl::Status status = FromGrpcStatus(stream->Finish());

  std::lock_guard lock(mutex_);
  stream_.context = nullptr;
  stream_.welcomed = false;
  *progressed = stream_.progressed;
  if (!stream_.violation.ok()) return stream_.violation;
  if (!stream_.timeout.ok()) return stream_.timeout;
  if (!status.ok()) return status;
  return absl::UnavailableError("the server ended the stream");
}

// Writes until there is no more to write or nobody to read it. Returns after
// the reader saw the end, or after the stream was cancelled or broken, so that
// it soon will.
void Session::WriteStream(Stream& stream) {
  if (!WriteHello(stream)) return;
  std::unique_lock lock(mutex_);
  if (!writer_wakes_.wait_for(lock, kWelcomeTimeout,
                              [this] { return stream_.welcomed || StreamIsOver(); })) {
    stream_.timeout = absl::DeadlineExceededError(
        absl::StrCat("no welcome within ", kWelcomeTimeout.count(), " ms"));
    stream_.context->TryCancel();
    return;
  }
  for (;;) {
    writer_wakes_.wait(lock, [this] {
      return StreamIsOver() || stream_.drain_grace.has_value() || !NothingToWrite() || finishing_;
    });
    if (StreamIsOver()) return;
    if (stream_.drain_grace.has_value() || NothingToWrite()) break;
    if (!WriteNext(stream, lock)) return;
  }
  EndStream(stream, lock);
}

bool Session::WriteHello(Stream& stream) {
  v1::IngestRequest request;
  v1::Hello& hello = *request.mutable_hello();
  hello.set_sensor_id(options_.sensor_id);
  hello.set_session_id(session_id_);
  hello.set_zone(options_.zone);
  hello.set_clock(options_.clock);
  hello.set_software(options_.software);
  hello.set_verdicts(options_.on_verdicts != nullptr);
  {
    std::lock_guard lock(mutex_);
    const IngestCounts& counts = batches_.counts();
    hello.set_first_sequence(batches_.first_sequence());
    // Rejected batches were acknowledged as well: a server that never saw them
    // must count them among the earlier ones, or its ledger would lack them.
    hello.set_acknowledged_packets(counts.acknowledged_packets + counts.rejected_packets);
  }
  return stream.Write(request);
}

// Writes one message, without the lock. False when the stream is broken.
bool Session::WriteNext(Stream& stream, std::unique_lock<std::mutex>& lock) {
  if (!heartbeats_.empty() && heartbeats_.front().after_sequence < batches_.unwritten_sequence()) {
    v1::IngestRequest request;
    *request.mutable_heartbeat() = std::move(heartbeats_.front().message);
    heartbeats_.pop_front();
    lock.unlock();
    const bool written = stream.Write(request);
    lock.lock();
    return written;
  }
  const uint64_t sequence = batches_.unwritten_sequence();
  const UnackedBatches::Request request = batches_.TakeUnwritten();
  const uint64_t bytes_max = welcome_.message_bytes_max();
  lock.unlock();
  // Send checked it against the server of that time; this may be another one.
  const uint64_t bytes = request->ByteSizeLong();
  const bool fits = bytes <= bytes_max;
  const bool written = fits && stream.Write(*request);
  lock.lock();
  if (!fits) {
    stream_.violation = absl::FailedPreconditionError(
        absl::StrCat("batch ", sequence, " of ", bytes,
                     " bytes is above the limit of the server's welcome, ", bytes_max));
    stream_.context->TryCancel();
  }
  return written;
}

// Half-closes and waits for the end. A server that drains has its grace; when
// this session finishes, the caller of Finish knows how long to wait.
void Session::EndStream(Stream& stream, std::unique_lock<std::mutex>& lock) {
  const std::optional<milliseconds> grace = stream_.drain_grace;
  lock.unlock();
  stream.WritesDone();
  lock.lock();
  const auto over = [this] { return StreamIsOver(); };
  if (!grace.has_value()) {
    writer_wakes_.wait(lock, over);
  } else if (!writer_wakes_.wait_for(lock, *grace + kDrainSlack, over)) {
    stream_.timeout = absl::UnavailableError("the server drains and did not end the stream");
    stream_.context->TryCancel();
  }
}

void Session::ReadStream(Stream& stream) {
  v1::IngestResponse response;
  while (stream.Read(&response)) {
    std::vector<UnackedBatches::Request> judged;
    std::unique_lock lock(mutex_);
    if (!stream_.violation.ok()) continue;
    stream_.violation = FindJudged(response.ack(), &judged);
    if (stream_.violation.ok()) stream_.violation = TakeResponse(response);
    const bool good = stream_.violation.ok();
    if (!good) stream_.context->TryCancel();
    writer_wakes_.notify_all();
    caller_wakes_.notify_all();
    lock.unlock();
    for (size_t i = 0; good && i < judged.size(); ++i) {
      options_.on_verdicts(judged[i]->batch().packets(),
                           response.ack().verdicts(static_cast<int>(i)).verdicts());
    }
  }
  std::lock_guard lock(mutex_);
  stream_.ended = true;
  writer_wakes_.notify_all();
  caller_wakes_.notify_all();
}

absl::Status Session::FindJudged(const v1::Ack& ack,
                                 std::vector<UnackedBatches::Request>* batches) const {
  if (options_.on_verdicts == nullptr) return absl::OkStatus();
  for (const v1::BatchVerdicts& verdicts : ack.verdicts()) {
    const UnackedBatches::Request batch = batches_.Find(verdicts.sequence());
    if (batch == nullptr) {
      return absl::InternalError(absl::StrCat("the server sent verdicts on batch ",
                                              verdicts.sequence(), ", which is not pending"));
    }
    const uint64_t packets = PacketsOf(batch->batch().packets());
    if (verdicts.verdicts().size() != packets) {
      return absl::InternalError(absl::StrCat("the server sent ", verdicts.verdicts().size(),
                                              " verdicts on the ", packets, " packets of batch ",
                                              verdicts.sequence()));
    }
    batches->push_back(batch);
  }
  return absl::OkStatus();
}

// Not OK when the server broke the protocol.
absl::Status Session::TakeResponse(const v1::IngestResponse& response) {
  switch (response.message_case()) {
    case v1::IngestResponse::kWelcome: {
      if (stream_.welcomed) return absl::InternalError("the server sent a second welcome");
      absl::Status status = batches_.Rewind(response.welcome().applied_sequence());
      if (!status.ok()) return status;
      welcome_ = response.welcome();
      stream_.welcomed = true;
      ++connects_;
      connection_status_ = absl::OkStatus();
      return absl::OkStatus();
    }
    case v1::IngestResponse::kAck: {
      if (!stream_.welcomed)
        return absl::InternalError("the server sent an ack before its welcome");
      const uint64_t pending = batches_.counts().pending_batches;
      absl::Status status = batches_.Acknowledge(response.ack());
      if (batches_.counts().pending_batches < pending) stream_.progressed = true;
      return status;
    }
    case v1::IngestResponse::kDraining:
      stream_.drain_grace = GraceOf(response.draining());
      return absl::OkStatus();
    // A newer server may say what this client does not know.
    case v1::IngestResponse::MESSAGE_NOT_SET:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace conntrack::client
