// The file of an export: what the server said of itself and what was asked of it, then
// the connections slot by slot, each as the API has them.
//
//   "conntrack-export 1\n"
//   a v1.GetStatsResponse          software and number of slots
//   a v1.ListSensorsResponse       the sensors that connections and filters name
//   a v1.ExportConnectionsRequest  the filter
//   v1.ExportConnectionsResponse…  whole cuts: `restarted` and `removed_ids` are not set
//   the end: a length of 0, and the number of connections, 8 bytes, the lowest first
//
// Each message stands behind its length, a varint. docs/conntrackctl.md is the reference.
#pragma once

#include <google/protobuf/io/zero_copy_stream_impl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conntrack/v1/admin_service.pb.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {

// What stands in front of the connections.
struct SavedHead {
  v1::GetStatsResponse server;
  v1::ListSensorsResponse sensors;
  v1::ExportConnectionsRequest request;
};

// The bytes of the parts of a file, in their order.
std::string SavedHeadBytes(const SavedHead& head);
std::string SavedPartBytes(const v1::ExportConnectionsResponse& part);
std::string SavedEndBytes(uint64_t connections);

// Reads a file from its beginning to its end; holds one part.
//
// Not thread-safe.
class SavedFile {
 public:
  // `path` may be "-", standard input. InvalidArgument when it cannot be opened, or is no
  // export of a version that is known.
  static absl::StatusOr<std::unique_ptr<SavedFile>> Open(const std::string& path);

  // Takes the descriptor. `name` stands in messages.
  SavedFile(int descriptor, bool close, std::string name);
  SavedFile(const SavedFile&) = delete;
  SavedFile& operator=(const SavedFile&) = delete;

  const SavedHead& head() const { return head_; }

  // Reads the next part; false at the end. DataLoss, with the byte, when the file ends before
  // its end, holds something else, or goes on behind it.
  absl::StatusOr<bool> Next(v1::ExportConnectionsResponse* part);

 private:
  absl::Status ReadHead();
  absl::Status ReadMessage(google::protobuf::Message* message);
  // False for the end.
  absl::StatusOr<bool> ReadRecord();
  absl::Status ReadEnd();
  absl::Status Damaged(int64_t place, const std::string& what) const;

  const std::string name_;
  google::protobuf::io::FileInputStream input_;
  SavedHead head_;
  std::string record_;
  // Where record_ begins.
  int64_t place_ = 0;
  uint64_t connections_ = 0;
  bool ended_ = false;
};

}  // namespace conntrack::cli
