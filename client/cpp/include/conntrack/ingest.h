// IngestSession feeds packets to a server and survives what happens to the
// connection: it keeps what is not acknowledged, reconnects with backoff, and
// sends again what the server does not have.
//
//   auto session = IngestSession::Start(channel, options);
//   if (!session.ok()) return session.status();
//   while (...) (*session)->Send(std::move(batch));
//   absl::Status done = (*session)->Finish();
//
// Ordering: the server applies batches in the order of the Send calls.
//
// Error handling: a broken connection is not an error; the session reconnects
// until Finish or destruction. What no reconnect can mend (a hello the server
// refuses, a gap in the sequence) makes the session fail: every later call
// returns that status.
//
// Thread-safe.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conntrack/v1/ingest_service.pb.h"

namespace conntrack::client {

// What to do with a new batch when the buffer of unacknowledged ones is full.
enum class WhenFull {
  kWait,  // Send waits: nothing is lost. For files.
  kDrop,  // Send drops the new batch and counts it. For live traffic.
};

struct IngestOptions {
  // See Hello in ingest_service.proto for the ranges of these four.
  std::string sensor_id;
  uint32_t zone = 0;
  v1::Clock clock = v1::CLOCK_SERVER;
  std::string software;
  // Most bytes of unacknowledged batches kept; 64 MiB. A larger value bridges a
  // longer absence of the server.
  uint64_t buffer_bytes_max = 64u << 20;
  WhenFull when_full = WhenFull::kWait;
  // Asks the server for a verdict on each packet, and takes them, a batch at a
  // time in the order of Send: `verdicts` has one byte a packet, see verdict.h.
  // A batch that was applied before the connection broke, and acknowledged only
  // after, has none. Called by a thread of the session without its lock, before
  // Finish returns; no acks are read meanwhile. Null: none are asked for.
  std::function<void(const v1::PacketBatch& batch, std::string_view verdicts)> on_verdicts;
  // Delay before the first reconnect; it doubles, with jitter, up to the
  // second.
  std::chrono::milliseconds backoff_min{100};
  std::chrono::milliseconds backoff_max{10'000};
};

// What became of the packets given to Send. For every session
//   sent = acknowledged + rejected + dropped + pending.
struct IngestCounts {
  uint64_t sent_batches = 0;  // Given to Send.
  uint64_t sent_packets = 0;
  uint64_t acknowledged_batches = 0;  // Applied by the server.
  uint64_t acknowledged_packets = 0;
  uint64_t rejected_batches = 0;  // Refused by the server as malformed.
  uint64_t rejected_packets = 0;
  uint64_t dropped_batches = 0;  // The buffer was full.
  uint64_t dropped_packets = 0;
  uint64_t pending_batches = 0;  // Neither yet.
  uint64_t pending_packets = 0;
  uint64_t resent_batches = 0;  // Written more than once.
  uint64_t connects = 0;        // Welcomes received.
  // Streams that ended early or could not be opened.
  uint64_t failures = 0;
};

// One batch the server refused.
struct Rejection {
  uint64_t sequence = 0;
  uint64_t packets = 0;
  std::string reason;  // Name of the v1::BatchRejection and the server's detail.
};

class IngestSession {
 public:
  // Connects in the background and returns at once; Send may be called before
  // there is a connection. InvalidArgument when an option is out of range.
  static absl::StatusOr<std::unique_ptr<IngestSession>> Start(
      std::shared_ptr<grpc::Channel> channel, const IngestOptions& options);

  virtual ~IngestSession() = default;

  // Waits until the server has welcomed the session, at most `timeout`.
  // DeadlineExceeded, with the last connection error, when it has not.
  virtual absl::Status WaitConnected(std::chrono::milliseconds timeout) = 0;

  // The server's welcome; all zero before the first one.
  virtual v1::Welcome welcome() const = 0;

  // Hands over one batch. A batch must respect the limits of the welcome.
  //
  // OK also when the batch was dropped because the buffer was full; counts()
  // tells. A batch whose Send fails stays the caller's and is not counted:
  // InvalidArgument when it is larger than the server's messages or the whole
  // buffer may be, FailedPrecondition after Finish, else why the session failed.
  virtual absl::Status Send(v1::PacketBatch batch) = 0;

  // Tells the server the time and the sensor's side of the loss ledger, after
  // all batches sent so far. Best effort: without a connection only the latest
  // is kept. It is repeated after each reconnect, so that a server that was
  // restarted learns the counts as well.
  virtual void Heartbeat(const v1::Heartbeat& heartbeat) = 0;

  // Waits until everything sent is acknowledged or rejected, then ends the
  // stream. DeadlineExceeded when that takes longer than `timeout`: what is
  // pending then stays so in counts(). A session whose batches are all dealt
  // with is OK even when the stream did not end well.
  virtual absl::Status Finish(std::chrono::milliseconds timeout) = 0;

  virtual IngestCounts counts() const = 0;

  // The latest rejections, at most 100, oldest first.
  virtual std::vector<Rejection> rejections() const = 0;

  // The last connection error; OK when connected or never tried.
  virtual absl::Status connection_status() const = 0;
};

}  // namespace conntrack::client
