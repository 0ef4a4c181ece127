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

  // As many changes as wanted were printed.
  bool done() const { return count_ != 0 && printed_ >= count_; }

 private:
  bool IsJson() const { return format_ == Format::kJson || format_ == Format::kJsonLines; }
  void PrintEvent(const v1::Event& event);
  void PrintSnapshot(const v1::SnapshotBatch& snapshot);
  // One object with one key.
  void PrintObject(const char* key, const std::string& value);

  Output& output_;
  const Format format_;
  const uint64_t count_;
  uint64_t printed_ = 0;
  ConnectionPrinter connections_;  // For snapshots as conntrack lines.
  Table table_;
};

}  // namespace conntrack::cli
