// Watcher is one client's watch: a cursor in each slot's events, and what was
// sent so far.
//
// One thread at a time pumps it: the one that gRPC tells of a finished write,
// or the service's when it was idle. The snapshot interleaves with events: rows
// of a slot that were read when its last event was q are sent after the events
// up to q, and connections made after the start come as events only, so the
// client sees neither gap nor double.
//
// Without a filter, and with its snapshot behind it, a watcher follows the feed
// that all such watchers share (event_feed.h). Otherwise, and while it is too far
// behind for that, it reads alone. One message is under way at a time, so that is
// what a client that does not read holds.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "conntrack/v1/watch_service.pb.h"
#include "server/convert_event.h"
#include "server/event_feed.h"
#include "server/event_reader.h"
#include "server/tracker/filter.h"
#include "server/watch_service.h"

namespace conntrack {

class Watcher final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit Watcher(WatchService* service);

  // Checks the request and places the cursors. OutOfRange for a token that is
  // too old; the status carries the oldest valid one.
  absl::Status Init(const v1::WatchRequest& request);
  // Begins; `self` keeps this alive until gRPC is done with it.
  void Begin(std::shared_ptr<Watcher> self);
  // Pumps if nothing is under way.
  void Wake();

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  static constexpr size_t kPlacesPerStep = 256;
  static constexpr size_t kRowsPerStep = 64;
  static constexpr uint32_t kAllTypes = UINT32_MAX;

  // Sends the next response, or goes idle.
  void Pump();
  // Fills response_; false when there is nothing to say now.
  bool FillNext();
  bool FillEvents();
  void FillWith(const WatchMessage& message);
  void FillWith(const v1::WatchResponse& response);
  // One past the last event of a slot to read alone now.
  uint64_t EndOf(uint32_t slot) const;
  // Takes the types that are asked for. InvalidArgument for one that there is not.
  absl::Status SetTypes(const v1::WatchRequest& request);
  bool Wants(v1::EventType type) const { return (types_ >> type & 1) != 0; }
  // What becomes of an event under the filter.
  Shown Judge(const Event& event, uint32_t slot);
  // The same, but kNot when its type is not asked for.
  Shown Show(const Event& event, uint32_t slot);
  // The client knows this one; ends the watch when there are too many.
  void AddMatch(uint64_t id);
  // After a loss nobody knows which connections of these slots have ended.
  void ForgetMatches(const std::vector<SlotRange>& lost);
  // Takes the next part of the snapshot into held_.
  void ScanSnapshot();
  // Makes it the response.
  void ReleaseHeld();
  void FillSnapshotEnd();
  bool FillBookmark();
  void FinishOnce(const absl::Status& status);
  std::string Token() const;
  absl::Status TooOld() const;

  WatchService* const service_;
  Tracker* const tracker_;
  const WireContext wire_;
  Filter filter_;
  // By v1::EventType, a bit: those to send.
  uint32_t types_ = kAllTypes;
  std::shared_ptr<Watcher> self_;

  EventReader reader_;
  FeedFollower follower_;

  enum class Snapshot { kNone, kScanning, kHeld, kEnding };
  Snapshot snapshot_ = Snapshot::kNone;
  // By slot: the id below which connections existed at the start.
  std::vector<uint64_t> id_limit_;
  ScanPosition position_;
  // Rows as they were under their slot's lock; encoded after it, into held_.
  struct Row {
    StoredConnection connection;
    Time now;
  };
  std::vector<Row> rows_;
  // Rows read, and the events of their slot that go first.
  SnapshotBatchWriter held_;
  ScanStep held_step_;
  uint64_t snapshot_connections_ = 0;

  // Matching connections that the client knows; for filters only.
  absl::flat_hash_set<uint64_t> matching_;
  // By slot: it may know others with ids below this, from before a resume or a loss.
  std::vector<uint64_t> known_limit_;
  absl::Status failure_;

  // Under way, or being filled.
  grpc::ByteBuffer response_;
  // Long ago at first: a bookmark is due at once, so that a client has a place
  // to resume from before anything else.
  std::chrono::steady_clock::time_point last_bookmark_;
  // Idle: the next to wake it pumps. Woken: whoever pumps looks once more.
  enum class Activity { kBusy, kIdle, kWoken };
  std::atomic<Activity> activity_{Activity::kBusy};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> finished_{false};
};

}  // namespace conntrack
