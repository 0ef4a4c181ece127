// The parts of one slot of an export, put together: what a restart made void, what was
// sent again and what was removed do not count.
//
// Not thread-safe. Holds one slot.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {

class ExportSlot {
 public:
  // Takes the connections out of `part`.
  void Add(v1::ExportConnectionsResponse* part);

  // How many connections the slot has.
  size_t size() const { return places_.size(); }

  // The slot in parts of at most 1,000 connections, the last one with the cut, in the order
  // in which they came. Begins the next slot.
  //
  // REQUIRES: the part with the cut was added.
  std::vector<v1::ExportConnectionsResponse> Take();

 private:
  std::vector<v1::Connection> connections_;
  // By id; what is not in it does not count.
  absl::flat_hash_map<uint64_t, size_t> places_;
  uint32_t slot_ = 0;
  v1::ExportCut cut_;
};

}  // namespace conntrack::cli
