// IngestStream is one sensor's stream: hello, welcome, batches, acks.
//
// One thread serves it as long as that keeps up. When more packets come than are
// worth tracking at once, a second one joins: while one tracks, the other receives,
// and tracks in turn, slot by slot behind the first.
//
// Not thread-safe: Run is called once, by the stream's own thread. finished()
// may be called by any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "conntrack/v1/ingest_service.grpc.pb.h"
#include "server/convert_packets.h"
#include "server/ingest_service.h"
#include "server/tracker/turn.h"

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
  enum class Next { kGoOn, kTrack, kEnd };

  // Held by the thread that receives, for as long as it does.
  class ABSL_LOCKABLE Lead {
   public:
    void Take() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
    void Give() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

   private:
    std::mutex mutex_;
  };

  struct WaitingBatch {
    uint64_t sequence;
    size_t packets;
  };

  // The packets that one thread receives and then tracks.
  struct Lane {
    PacketReader reader;
    // The batches they are of. None waits for more to come.
    std::vector<WaitingBatch> batches;
    std::vector<Verdict> verdicts;
    // When they began to be tracked.
    Time now;
    Turn turn;
  };

  static void* AsPointer(Tag tag) { return reinterpret_cast<void*>(tag); }

  // Admits the stream, or ends it.
  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // Serves the stream in one of its threads, to the end.
  void Serve(Lane* lane);
  // Starts it when it is not there yet. False when there cannot be one.
  bool StartSecondThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // Tracks what this thread has received while the other one receives.
  void TrackAside(Lane* lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);

  void StartRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // Waits for what is under way; a timeout is an event too.
  Next WaitAndHandle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  Next HandleRead(bool ok) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  void HandleTimeout() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);

  absl::Status HandleMessage(grpc::ByteBuffer* message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  absl::Status HandleHello(const v1::Hello& hello) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  absl::Status HandleBatch(const v1::SequencedBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  void HandleHeartbeat(const v1::Heartbeat& heartbeat) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // The last batch that was received: it waits, or has been applied.
  uint64_t ReceivedSequence() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  void RejectBatch(const v1::SequencedBatch& batch, const BatchError& error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);

  // The packets of the lane that leads are the next to be tracked.
  void BeginTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // Gives a lane's packets to the tracker, together: the more, the less each costs.
  void Track(Lane* lane);
  // Waits until the oldest lane whose turn has begun is tracked, and counts it.
  void Settle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // Tracks what waits, here and now, and settles all.
  void TrackAndSettle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  void CountApplied(const Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  void AddVerdicts(const Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // The client does not read its acks: no more is read from it.
  bool OwesTooMuch() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_) {
    return writing_ && verdict_bytes_ >= kVerdictBytesMax;
  }

  // Queues a response; responses leave in order, one at a time.
  void Send(const v1::IngestResponse& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  void SendAck() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  void StartWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);
  // Sends what is queued, then the status, and empties the queue.
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lead_);

  IngestService* const service_;
  grpc::ServerContext context_;
  grpc::CompletionQueue queue_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  std::atomic<bool> finished_{false};
  std::thread second_thread_;

  // Set by the hello, before any packet.
  Sensor* sensor_ = nullptr;
  ZoneIndex zone_ = 0;
  ZoneClock clock_ = ZoneClock::kServer;
  // The client asked for verdicts.
  bool wants_verdicts_ = false;

  std::array<Lane, 2> lanes_;

  Lead lead_;
  bool ended_ ABSL_GUARDED_BY(lead_) = false;
  grpc::ByteBuffer incoming_ ABSL_GUARDED_BY(lead_);
  std::vector<grpc::ByteBuffer> outgoing_ ABSL_GUARDED_BY(lead_);
  bool reading_ ABSL_GUARDED_BY(lead_) = false;
  bool writing_ ABSL_GUARDED_BY(lead_) = false;
  bool told_draining_ ABSL_GUARDED_BY(lead_) = false;
  absl::Status status_ ABSL_GUARDED_BY(lead_);
  // When the hello must be here, or the drain must be over.
  std::optional<std::chrono::steady_clock::time_point> deadline_ ABSL_GUARDED_BY(lead_);
  uint64_t messages_ ABSL_GUARDED_BY(lead_) = 0;
  // First block of the arena that messages are parsed into; reused for each.
  std::vector<char> arena_block_ ABSL_GUARDED_BY(lead_);
  // That of the thread that leads.
  Lane* lane_ ABSL_GUARDED_BY(lead_) = nullptr;
  // Those whose turn has begun and that are not counted yet, oldest first.
  std::vector<Lane*> in_flight_ ABSL_GUARDED_BY(lead_);
  uint64_t unacknowledged_batches_ ABSL_GUARDED_BY(lead_) = 0;
  v1::Ack ack_ ABSL_GUARDED_BY(lead_);
  // Of the verdicts in ack_.
  size_t verdict_bytes_ ABSL_GUARDED_BY(lead_) = 0;
};

}  // namespace conntrack
