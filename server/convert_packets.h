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

// Reads batches one after the other, in memory that it keeps, and gathers their packets.
//
// Not thread-safe: one for each stream. A batch costs some nanoseconds a packet
// and no allocation once its memory has grown.
class PacketReader {
 public:
  // More packets than these are not worth gathering.
  static constexpr size_t kFullPackets = 8192;
  // The latest base time and heartbeat time, in nanoseconds since the epoch.
  static constexpr uint64_t kTimeMax = uint64_t{1} << 62;

  // Checks and converts a batch of at most `packets_max` packets. Nullopt when it is
  // good: packets() then ends with it. Else packets() is as it was.
  //
  // REQUIRES: !full().
  std::optional<BatchError> Append(const v1::PacketBatch& batch, uint32_t packets_max);
  // True when no batch may be appended before Clear: there are kFullPackets, or some
  // point into memory that the next batch needs.
  bool full() const { return full_; }
  // Forgets all packets.
  void Clear();

  std::span<const Packet> packets() const { return {memory_.data(), count_}; }
  // The latest time of packets(). REQUIRES: there are some.
  Time newest() const { return newest_; }

  // How many packets the fixed columns of a batch seem to have.
  static uint32_t CountOf(const v1::PacketBatch& batch) {
    return static_cast<uint32_t>(batch.kind_size());
  }

 private:
  std::optional<BatchError> CheckShape(const v1::PacketBatch& batch, uint32_t packets_max) const;
  template <Family family>
  std::optional<BatchError> ReadRows(const v1::PacketBatch& batch);
  // Everything about `kind` and `shape`.
  template <Family family>
  std::optional<BatchError> CheckRows(const v1::PacketBatch& batch) const;
  std::optional<BatchError> CheckFlags(uint32_t flags, uint32_t protocol, size_t i) const;
  // Packets from the fixed columns, and what `long_lengths` changes of them. Return the
  // latest time.
  template <Family family>
  static Time Fill(const v1::PacketBatch& batch, std::span<Packet> packets);
  static void FillLongLengths(const v1::PacketBatch& batch, std::span<Packet> packets);

  // The packets, and room for more.
  std::vector<Packet> memory_;
  size_t count_ = 0;
  bool full_ = false;
  Time newest_ = kNeverYet;
  SparseColumns sparse_;
};

}  // namespace conntrack
