#include "client/sensor/pipeline.h"

#include <algorithm>
#include <utility>

namespace conntrack::sensor {

Pipeline::Pipeline(const PipelineOptions& options, BatchSink sink)
    : sink_(std::move(sink)),
      checksums_(options.checksums),
      batch_packets_max_(options.batch_packets_max),
      batch_(options.batch_packets_max),
      reassembler_(options.reassembly) {}

void Pipeline::Take(const Frame& frame) {
  ++ledger_.read_packets;
  ledger_.read_bytes += frame.original_length;
  last_time_unix_ns_ = std::max(last_time_unix_ns_, std::min(frame.time_unix_ns, kTimeMaxUnixNs));
  Decode(frame, checksums_, decoded_);
  if (reassembler_.held_datagrams() != 0) reassembler_.Expire(last_time_unix_ns_);
  switch (decoded_.kind) {
    case Decoded::Kind::kPacket:
      Append(decoded_.packet);
      break;
    case Decoded::Kind::kFragment:
      TakeFragment();
      break;
    case Decoded::Kind::kDiscarded:
      ++ledger_.discarded[static_cast<size_t>(decoded_.discard)];
      break;
  }
}

void Pipeline::TakeFragment() {
  if (reassembler_.Add(decoded_.fragment, decoded_.packet) != Reassembler::Outcome::kComplete) {
    return;
  }
  const uint64_t fragments = reassembler_.payload_fragments();
  const Discard discard = DecodeReassembled(reassembler_.payload(), reassembler_.payload_length(),
                                            checksums_, decoded_.packet);
  if (discard != Discard::kNone) {
    ledger_.discarded[static_cast<size_t>(discard)] += fragments;
    return;
  }
  ledger_.absorbed_fragments += fragments - 1;
  ++ledger_.reassembled_packets;
  Append(decoded_.packet);
}

void Pipeline::Append(const Packet& packet) {
  ++ledger_.decoded_packets;
  ledger_.decoded_bytes += packet.total_length;
  if (packet.malformed != Malformed::kNone) ++ledger_.malformed_packets;
  if (!batch_.Fits(packet)) Flush();
  batch_.Append(packet);
  if (batch_.full()) Flush();
}

void Pipeline::Flush() {
  if (batch_.size() == 0) return;
  ++batches_;
  v1::PacketBatch batch = batch_.Take();
  batch_.SetPacketsMax(batch_packets_max_);
  sink_(std::move(batch));
}

void Pipeline::Finish() {
  reassembler_.ExpireAll();
  Flush();
}

Ledger Pipeline::ledger() const {
  Ledger ledger = ledger_;
  for (size_t reason = 0; reason < kDiscardReasons; ++reason) {
    ledger.discarded[reason] += reassembler_.drops()[reason];
  }
  ledger.held_fragments = reassembler_.held_fragments();
  ledger.open_packets = batch_.size();
  return ledger;
}

}  // namespace conntrack::sensor
