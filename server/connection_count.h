// ConnectionCount counts connections and groups them, as CountConnections answers: for the
// service, which walks the tracker, and for whoever has connections from elsewhere.
//
// Not thread-safe. Note is for the time under a slot's lock; see Groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "conntrack/v1/connection_service.pb.h"
#include "server/sensors.h"
#include "server/tracker/connection.h"
#include "server/tracker/groups.h"

namespace conntrack {

class ConnectionCount {
 public:
  // InvalidArgument for a bad group_by, top or order; the filter is the caller's.
  static absl::StatusOr<std::unique_ptr<ConnectionCount>> Make(
      const v1::CountConnectionsRequest& request, uint32_t slot_count);

  bool has_groups() const { return groups_ != nullptr; }

  // Counts one. REQUIRES: Settle is called before Groups::kNotedMax are noted.
  void Note(const ConnectionRef& connection) {
    ++count_;
    if (groups_ != nullptr) groups_->Note(connection);
  }
  void Settle() {
    if (groups_ != nullptr) groups_->Settle();
  }

  // Writes what was noted and settled.
  void Answer(const SensorRegistry& sensors, v1::CountConnectionsResponse* response) const;

 private:
  uint64_t count_ = 0;
  // Null when it does not group.
  std::unique_ptr<Groups> groups_;
  size_t top_ = 0;
  GroupOrder order_ = GroupOrder::kConnections;
};

}  // namespace conntrack
