// Prints what a watcher gives, in the format that was asked for.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "client/cli/connection_printer.h"
#include "client/cli/invocation.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

class EventPrinter {
 public:
  // Prints at most `count` changes; 0 for no limit. Keeps a reference to
  // `invocation`.
  EventPrinter(Invocation& invocation, uint64_t count);

  void Print(const v1::WatchResponse& message);
  void PrintReset(const absl::Status& why);

  // Ends the output: that of json is one array.
  void End();

  // As many changes as wanted were printed.
  bool done() const { return count_ != 0 && printed_ >= count_; }

 private:
  void PrintEvent(const v1::Event& event);
  void PrintSnapshot(const v1::SnapshotBatch& snapshot);
  void AddRow(const google::protobuf::Timestamp& time, const std::string& event,
              const v1::Connection& connection);
  // One object with one key.
  void PrintObject(const char* key, const std::string& value);

  Output& output_;
  const Format format_;
  const uint64_t count_;
  uint64_t printed_ = 0;
  bool first_object_ = true;
  ConnectionPrinter connections_;  // For snapshots as conntrack lines.
  Table table_;
};

}  // namespace conntrack::cli
