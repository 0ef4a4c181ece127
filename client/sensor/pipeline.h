// Pipeline takes frames one by one and gives away batches: decode, reassembly,
// columns, and the books about it.
//
// Batches keep the order of the packets across both IP families: a packet of
// the other family cuts the batch. Traffic that alternates makes small batches;
// the order is worth more, because the clock of a zone follows its packets.
//
// Not thread-safe: owned by the capture's thread. No allocation per packet.
#pragma once

#include <cstdint>
#include <functional>

#include "client/sensor/batch.h"
#include "client/sensor/decode.h"
#include "client/sensor/fragments.h"
#include "client/sensor/ledger.h"

namespace conntrack::sensor {

struct PipelineOptions {
  uint32_t batch_packets_max = 4'096;
  Checksums checksums = Checksums::kVerify;
  ReassemblyLimits reassembly;
};

class Pipeline {
 public:
  // Called with each batch that is full or flushed.
  using BatchSink = std::function<void(v1::PacketBatch batch)>;

  // REQUIRES: options.batch_packets_max is 1 to 65,536.
  Pipeline(const PipelineOptions& options, BatchSink sink);

  // Takes one frame; its bytes are not kept.
  void Take(const Frame& frame);

  // Gives away the open batch, if it has packets.
  void Flush();

  // Gives up unfinished datagrams and flushes: the input has ended.
  void Finish();

  // Frames taken.
  uint64_t read_packets() const { return ledger_.read_packets; }
  // Packets in the open batch.
  uint32_t open_packets() const { return batch_.size(); }
  // Batches given away; tells one open batch from the next.
  uint64_t batches() const { return batches_; }
  // Time of the latest packet that was read.
  uint64_t last_time_unix_ns() const { return last_time_unix_ns_; }

  // For batches from the next one on. Not below 1.
  void SetBatchPacketsMax(uint32_t packets_max) {
    batch_packets_max_ = packets_max;
    if (batch_.size() == 0) batch_.SetPacketsMax(packets_max);
  }

  // The books as of now; kernel_dropped_packets is the capture's to fill in.
  Ledger ledger() const;

 private:
  void TakeFragment();
  void Append(const Packet& packet);

  const BatchSink sink_;
  const Checksums checksums_;
  uint32_t batch_packets_max_;
  BatchBuilder batch_;
  Reassembler reassembler_;
  Decoded decoded_;
  Ledger ledger_;
  uint64_t batches_ = 0;
  uint64_t last_time_unix_ns_ = 0;
};

}  // namespace conntrack::sensor
