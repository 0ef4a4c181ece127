// Columns from the wire to the tracker's packets: what strangers send is checked
// here, whole batch first, and nothing that fails reaches the tracker.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "conntrack/v1/packet_batch.pb.h"
#include "server/convert_columns.h"
#include "server/convert_sparse.h"
#include "server/tracker/packet.h"

namespace conntrack {

// Reads batches one after the other, in memory that it keeps.
//
// Not thread-safe: one for each stream. A batch costs some nanoseconds a packet
// and no allocation once its memory has grown.
class PacketReader {
 public:
  // The latest base time and heartbeat time, in nanoseconds since the epoch.
  static constexpr uint64_t kTimeMax = uint64_t{1} << 62;

  // Checks and converts a batch of at most `packets_max` packets. Nullopt when
  // it is good: packets() then holds it until the next call.
  std::optional<BatchError> Read(const v1::PacketBatch& batch, uint32_t packets_max);

  std::span<const Packet> packets() const { return packets_; }

  // How many packets the fixed columns of a batch seem to have.
  static uint32_t CountOf(const v1::PacketBatch& batch) {
    return static_cast<uint32_t>(batch.kind_size());
  }

 private:
  std::optional<BatchError> CheckShape(const v1::PacketBatch& batch, uint32_t packets_max) const;
  std::optional<BatchError> ReadFixed(const v1::PacketBatch& batch);
  std::optional<BatchError> CheckFlags(uint8_t flags, uint8_t protocol, size_t i) const;
  std::optional<BatchError> ReadLengths(const v1::PacketBatch& batch, size_t i, Packet* packet);

  std::vector<Packet> packets_;
  SparseColumns sparse_;
  // The next row of `long_lengths` while the fixed columns are read.
  int next_long_ = 0;
};

}  // namespace conntrack
