// ConnectionExport is one ExportConnections call: the cuts of all slots, one after
// the other.
//
// One message at a time is under way, so that is what a client that does not read
// holds, with the step of the cut that comes next. The next message is made in the
// query threads when the client took the one before.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "server/convert_connection.h"
#include "server/query_threads.h"
#include "server/server_clock.h"
#include "server/slice_writer.h"
#include "server/tracker/cut.h"
#include "server/tracker/tracker.h"

namespace conntrack {

class ConnectionExport final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // Exports that may be under way at the same time.
  static constexpr int kExportsMax = 8;

  // What it needs of its service; the pointers must outlive the call.
  struct Options {
    Tracker* tracker;
    const ServerClock* clock;
    QueryThreads* threads;
    WireContext wire;
    // Exports under way.
    std::atomic<int>* exporting;
    const grpc::CallbackServerContext* context;
  };

  // Begins a call, or ends it at once where there is no filter. It deletes itself.
  static ConnectionExport* Start(const Options& options, const absl::StatusOr<Filter>& filter);

  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  // A part ends with the step that reaches one of these.
  static constexpr size_t kPartBytes = 256u << 10;
  static constexpr size_t kPartRemovedMax = 4096;

  explicit ConnectionExport(const Options& options);
  ~ConnectionExport() override;

  // A slice of the work; true when there is more to do before the next message.
  bool Continue();
  // One step of the slot's cut; true when a part is ready.
  bool Step();
  // Sends what was collected.
  void SendPart();

  const Options options_;
  Filter filter_;
  uint32_t slot_ = 0;
  std::unique_ptr<SlotCut> cut_;
  // How often this slot began anew.
  int restarts_ = 0;

  // The part in the making.
  SliceWriter rows_;
  absl::flat_hash_set<uint64_t> removed_;
  bool restarted_ = false;
  bool whole_ = false;

  // Under way.
  grpc::ByteBuffer message_;
};

}  // namespace conntrack
