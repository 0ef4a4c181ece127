// SparseColumns reads what few packets of a batch have: lengths that do not fit,
// reasons, TCP options, quotes of ICMP errors, SCTP chunks.
//
// Not thread-safe: part of a PacketReader. Costs a byte for each packet, and
// what its rows cost; no allocation once its memory has grown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "conntrack/v1/packet_batch.pb.h"
#include "server/convert_columns.h"
#include "server/tracker/packet.h"

namespace conntrack {

class SparseColumns {
 public:
  // Bits that tell in which columns a packet has rows.
  static constexpr uint8_t kLongLengths = 0x01;
  static constexpr uint8_t kMalformed = 0x02;
  static constexpr uint8_t kTcpOptions = 0x04;
  static constexpr uint8_t kIcmpError = 0x08;
  static constexpr uint8_t kSctpChunks = 0x10;

  // Checks indexes and lengths of the sparse columns of a batch of `count`
  // packets; RowsOf() then tells of its packets.
  std::optional<BatchError> Check(const v1::PacketBatch& batch, size_t count);

  // The columns in which packet `i` has rows, as bits.
  uint8_t RowsOf(size_t i) const { return rows_[i]; }
  // The same of all packets.
  const uint8_t* rows() const { return rows_.data(); }

  // Checks the values of all columns but `long_lengths`, and puts them into
  // `packets`. What these then point to lives until the next call; see in_use.
  //
  // REQUIRES: Check(batch, packets.size()) found nothing wrong.
  std::optional<BatchError> Fill(const v1::PacketBatch& batch, std::span<Packet> packets);
  // True when packets of the last Fill point to what the next one overwrites.
  bool in_use() const { return !quotes_.empty() || !chunks_.empty(); }

 private:
  using Index = google::protobuf::RepeatedField<uint32_t>;

  // Whether a packet may have more rows than one.
  enum class Rows : uint8_t { kOne, kMany };

  std::optional<BatchError> Mark(const char* name, const Index& index, Rows rows, uint8_t bit);
  std::optional<BatchError> FillQuotes(const v1::PacketBatch& batch, std::span<Packet> packets);
  std::optional<BatchError> FillChunks(const v1::SctpChunkColumns& columns,
                                       std::span<Packet> packets);

  // By packet.
  std::vector<uint8_t> rows_;
  // By row. Packets point into them, so they do not grow while they are filled.
  std::vector<Quote> quotes_;
  std::vector<SctpChunk> chunks_;
};

}  // namespace conntrack
