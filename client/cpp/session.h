// The one IngestSession: a thread that keeps a stream open and writes to it, a
// second one that reads it, and the state they share with the callers.
//
// The writing thread lives as long as the session; a reading thread lives as
// long as its stream. Blocking calls on two threads keep every shared field
// under one lock that the sanitizers understand, and cost nothing that could
// be measured at the size of a batch.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "client/cpp/unacked_batches.h"
#include "conntrack/ingest.h"
#include "conntrack/v1/ingest_service.grpc.pb.h"

namespace conntrack::client {

class Session final : public IngestSession {
 public:
  // REQUIRES: the options were checked.
  Session(std::shared_ptr<grpc::Channel> channel, const IngestOptions& options,
          std::string session_id, uint32_t seed);
  ~Session() override;

  absl::Status WaitConnected(std::chrono::milliseconds timeout) override;
  v1::Welcome welcome() const override;
  absl::Status Send(v1::PacketBatch batch) override;
  void Heartbeat(const v1::Heartbeat& heartbeat) override;
  absl::Status Finish(std::chrono::milliseconds timeout) override;
  IngestCounts counts() const override;
  std::vector<Rejection> rejections() const override;
  absl::Status connection_status() const override;

 private:
  using Stream = grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>;

  // A heartbeat says that everything before it was sent, so it may only follow
  // the batch that was the last when it was made.
  struct QueuedHeartbeat {
    uint64_t after_sequence = 0;
    v1::Heartbeat message;
  };

  // What one stream knows. Begins anew with each.
  struct StreamState {
    grpc::ClientContext* context = nullptr;  // Null: no stream is open.
    bool welcomed = false;
    bool ended = false;       // The reader saw the end.
    bool progressed = false;  // The server dealt with at least one batch.
    std::optional<std::chrono::milliseconds> drain_grace;  // The server wants to stop.
    absl::Status timeout;                                  // We gave up on the stream.
    absl::Status violation;                                // The server broke the protocol.
  };

  // The writing thread, in session_stream.cc.
  void Run();
  absl::Status RunStream(bool* progressed);
  void WriteStream(Stream& stream);
  bool WriteHello(Stream& stream);
  bool WriteNext(Stream& stream, std::unique_lock<std::mutex>& lock);
  void EndStream(Stream& stream, std::unique_lock<std::mutex>& lock);
  // The reading thread.
  void ReadStream(Stream& stream);
  // These two: REQUIRES lock held.
  absl::Status TakeResponse(const v1::IngestResponse& response);
  // The batches that `ack` has verdicts on. REQUIRES: it was not taken yet.
  absl::Status FindJudged(const v1::Ack& ack, std::vector<UnackedBatches::Request>* batches) const;

  // These three: REQUIRES lock held.
  bool StreamIsOver() const { return stream_.ended || stopping_; }
  bool NothingToWrite() const { return !batches_.HasUnwritten() && heartbeats_.empty(); }
  void Stop();

  // Immutable after construction.
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::IngestService::Stub> stub_;
  const IngestOptions options_;
  const std::string session_id_;
  const uint32_t seed_;

  mutable std::mutex mutex_;
  // For the writing thread, and for callers that wait.
  std::condition_variable writer_wakes_;
  std::condition_variable caller_wakes_;

  // All below are guarded by mutex_.
  UnackedBatches batches_;
  std::deque<QueuedHeartbeat> heartbeats_;         // Not written on this stream.
  std::optional<QueuedHeartbeat> last_heartbeat_;  // Repeated on each new stream.
  StreamState stream_;
  v1::Welcome welcome_;
  uint64_t connects_ = 0;
  uint64_t failures_ = 0;
  absl::Status connection_status_;
  absl::Status failure_;    // What no reconnect can mend.
  bool finishing_ = false;  // No more calls of Send.
  bool stopping_ = false;   // Give up what is pending.
  bool ended_ = false;      // The writing thread is done.

  std::thread writer_;  // Last: it uses all of the above.
};

}  // namespace conntrack::client
