// IngestStream is one sensor's stream, served by one thread: hello, welcome,
// batches, acks.
//
// Not thread-safe: Run is called once, by the stream's own thread. finished()
// may be called by any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "conntrack/v1/ingest_service.grpc.pb.h"
#include "server/convert_packets.h"
#include "server/ingest_service.h"

namespace conntrack {

class IngestStream {
 public:
  explicit IngestStream(IngestService* service);
  ~IngestStream();

  // Waits on `queue` for a stream to arrive: it then returns `this` as tag.
  void Request(grpc::ServerCompletionQueue* queue);
  // Serves the stream that arrived to its end.
  void Run();

  bool finished() const { return finished_.load(); }

 private:
  enum class Tag : intptr_t { kRead = 1, kWrite, kFinish };

  // Verdicts in an ack from which on no more is read while acks wait.
  static constexpr size_t kVerdictBytesMax = 1u << 20;

  // What the loop does next.
  enum class Next { kGoOn, kEnd };

  static void* AsPointer(Tag tag) { return reinterpret_cast<void*>(tag); }

  void Serve();
  void StartRead();
  // Waits for what is under way; a timeout is an event too.
  Next WaitAndHandle();
  Next HandleRead(bool ok);
  void HandleTimeout();

  absl::Status HandleMessage(grpc::ByteBuffer* message);
  absl::Status HandleHello(const v1::Hello& hello);
  absl::Status HandleBatch(const v1::SequencedBatch& batch);
  void HandleHeartbeat(const v1::Heartbeat& heartbeat);
  // Gives the packets of the batches that wait to the tracker, together: the more, the
  // less each costs.
  void TrackWaiting();
  // The last batch that was received: it waits, or has been applied.
  uint64_t ReceivedSequence() const;
  void RejectBatch(const v1::SequencedBatch& batch, const BatchError& error);
  void AddVerdicts();
  // The client does not read its acks: no more is read from it.
  bool OwesTooMuch() const { return writing_ && verdict_bytes_ >= kVerdictBytesMax; }

  // Queues a response; responses leave in order, one at a time.
  void Send(const v1::IngestResponse& response);
  void SendAck();
  void StartWrite();
  // Sends what is queued, then the status, and empties the queue.
  void End(const absl::Status& status);

  IngestService* const service_;
  grpc::ServerContext context_;
  grpc::CompletionQueue queue_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  std::atomic<bool> finished_{false};

  grpc::ByteBuffer incoming_;
  std::vector<grpc::ByteBuffer> outgoing_;
  bool reading_ = false;
  bool writing_ = false;
  bool told_draining_ = false;
  absl::Status status_;

  Sensor* sensor_ = nullptr;
  ZoneIndex zone_ = 0;
  ZoneClock clock_ = ZoneClock::kServer;
  // When the hello must be here, or the drain must be over.
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  uint64_t messages_ = 0;
  uint64_t unacknowledged_batches_ = 0;
  v1::Ack ack_;
  // The client asked for verdicts, and those in ack_.
  bool wants_verdicts_ = false;
  size_t verdict_bytes_ = 0;

  // Batches whose packets wait in reader_ to be tracked. None waits for more to come.
  struct WaitingBatch {
    uint64_t sequence;
    size_t packets;
  };
  std::vector<WaitingBatch> waiting_;
  PacketReader reader_;
  std::vector<Verdict> verdicts_;
  // First block of the arena that messages are parsed into; reused for each.
  std::vector<char> arena_block_;
};

}  // namespace conntrack
