// Watcher is one client's watch: a cursor in each slot's events, and what was
// sent so far.
//
// One thread at a time pumps it: the one that gRPC tells of a finished write,
// or the service's when it was idle. The snapshot interleaves with events: rows
// of a slot that were read when its last event was q are sent after the events
// up to q, and connections made after the start come as events only, so the
// client sees neither gap nor double.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "conntrack/v1/watch_service.pb.h"
#include "server/convert.h"
#include "server/tracker/filter.h"
#include "server/watch_service.h"

namespace conntrack {

class Watcher final : public grpc::ServerWriteReactor<v1::WatchResponse> {
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
  static constexpr int kEventsPerBatch = 1024;
  static constexpr size_t kPlacesPerStep = 256;

  // Sends the next response, or goes idle.
  void Pump();
  // Fills response_; false when there is nothing to say now.
  bool FillNext();
  bool FillEvents();
  bool FillLoss();
  // Takes the next part of the snapshot into held_.
  void ScanSnapshot();
  // Makes it the response.
  void ReleaseHeld();
  void FillSnapshotEnd();
  bool FillBookmark();
  // Adds what lies together in `slot`; true when something was covered.
  bool AddEvents(uint32_t slot, v1::EventBatch* batch);
  void AddEvent(const Event& event, uint32_t slot, v1::EventBatch* batch);
  bool HasWork() const;
  void FinishOnce(const absl::Status& status);
  std::string Token() const;
  absl::Status TooOld() const;

  WatchService* const service_;
  Tracker* const tracker_;
  const WireContext wire_;
  Filter filter_;
  std::shared_ptr<Watcher> self_;

  // By slot: the next event to read; during a snapshot also the id below which
  // connections existed at the start.
  std::vector<uint64_t> next_;
  std::vector<uint64_t> id_limit_;
  // The slot to look at first, so that no slot waits for ever.
  uint32_t first_slot_ = 0;

  enum class Snapshot { kNone, kScanning, kHeld, kEnding };
  Snapshot snapshot_ = Snapshot::kNone;
  ScanPosition position_;
  // Rows read, and the events of their slot that go first.
  v1::WatchResponse held_;
  ScanStep held_step_;
  uint64_t snapshot_connections_ = 0;

  // Matching connections that the client knows; for filters only.
  absl::flat_hash_set<uint64_t> matching_;
  // After a resume nobody knows what matched before.
  bool resumed_ = false;
  absl::Status failure_;

  v1::WatchResponse response_;
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
