// BatchBuilder lays packets out in the columns of v1::PacketBatch, in the order
// they are appended. It writes straight into the message's arrays.
//
// Not thread-safe: owned by the capture's thread. A packet costs its eight
// column words and a row for each sparse column it needs, or for each of its
// SCTP chunks; a batch costs its arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client/sensor/packet.h"
#include "client/sensor/sctp.h"
#include "conntrack/v1/packet_batch.pb.h"

namespace conntrack::sensor {

class BatchBuilder {
 public:
  // Most SCTP chunks in a batch, so that its size has a bound: as many as one
  // packet may have. On average that is four for each of 4,096 packets.
  static constexpr uint32_t kChunksMax = kSctpChunksMax;
  // Most bytes of a packet on the wire, its chunks apart: its fixed row and one
  // of each sparse kind; and of a chunk.
  static constexpr uint32_t kPacketBytesMax = 160;
  static constexpr uint32_t kChunkBytes = 8;

  // REQUIRES: packets_max is 1 to 65,536.
  explicit BatchBuilder(uint32_t packets_max);

  // Whether `packet` may follow what is there: the batch has room for it and its
  // chunks, holds the same family, and no delta overflows. Always true for an
  // empty batch.
  bool Fits(const Packet& packet) const {
    if (size_ == 0) return true;
    return size_ < packets_max_ && packet.ipv6 == ipv6_ &&
           packet.sctp_chunk_count <= kChunksMax - chunks_ &&
           (packet.time_unix_ns < min_time_ ? max_time_ - packet.time_unix_ns
                                            : packet.time_unix_ns - min_time_) <= UINT32_MAX;
  }

  // REQUIRES: Fits(packet), and the bytes it was decoded from are still there.
  void Append(const Packet& packet);

  uint32_t size() const { return size_; }
  bool full() const { return size_ >= packets_max_; }

  // The batch so far; the builder is then empty. REQUIRES: size() > 0.
  v1::PacketBatch Take();

  // Applies to the next batch. REQUIRES: size() == 0; as the constructor.
  void SetPacketsMax(uint32_t packets_max) { packets_max_ = packets_max; }

 private:
  // The arrays of the fixed columns inside batch_.
  struct Columns {
    uint32_t* source;
    uint32_t* destination;
    uint8_t* source_ipv6;
    uint8_t* destination_ipv6;
    uint32_t* ports;
    uint32_t* kind;
    uint32_t* sequence;
    uint32_t* acknowledgment;
    uint32_t* shape;
  };

  void Start(bool ipv6);
  // Each returns kSparseRow or 0.
  uint8_t AppendMalformed(const Packet& packet);
  uint8_t AppendTcpOptions(const Packet& packet);
  uint8_t AppendQuote(const Packet& packet);
  uint8_t AppendSctpChunks(const Packet& packet);

  uint32_t packets_max_;
  uint32_t size_ = 0;
  uint32_t chunks_ = 0;
  bool ipv6_ = false;
  uint64_t min_time_ = 0;
  uint64_t max_time_ = 0;
  std::vector<uint64_t> times_;
  v1::PacketBatch batch_;
  Columns columns_{};
};

}  // namespace conntrack::sensor
