#include "client/cpp/unacked_batches.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace conntrack::client {
namespace {

constexpr size_t kRejectionsMax = 100;

}  // namespace

void UnackedBatches::Add(v1::PacketBatch batch, uint64_t bytes) {
  Entry entry;
  entry.bytes = bytes;
  entry.packets = PacketsOf(batch);
  auto request = std::make_shared<v1::IngestRequest>();
  request->mutable_batch()->set_sequence(next_sequence_++);
  *request->mutable_batch()->mutable_packets() = std::move(batch);
  entry.request = std::move(request);

  bytes_ += bytes;
  ++counts_.sent_batches;
  counts_.sent_packets += entry.packets;
  ++counts_.pending_batches;
  counts_.pending_packets += entry.packets;
  batches_.push_back(std::move(entry));
}

void UnackedBatches::Drop(uint64_t packets) {
  ++counts_.sent_batches;
  counts_.sent_packets += packets;
  ++counts_.dropped_batches;
  counts_.dropped_packets += packets;
}

UnackedBatches::Request UnackedBatches::TakeUnwritten() {
  if (!HasUnwritten()) return nullptr;
  Entry& entry = batches_[cursor_++];
  if (entry.written) ++counts_.resent_batches;
  entry.written = true;
  return entry.request;
}

absl::Status UnackedBatches::Rewind(uint64_t applied) {
  if (applied >= next_sequence_) {
    return absl::InternalError(absl::StrCat("the server's welcome names applied sequence ", applied,
                                            ", but the last batch of this session is ",
                                            next_sequence_ - 1));
  }
  if (applied + 1 < first_sequence()) {
    return absl::InternalError(absl::StrCat("the server's welcome names applied sequence ", applied,
                                            ", but batches before ", first_sequence(),
                                            " were acknowledged and are gone"));
  }
  RemoveUpTo(applied);
  cursor_ = 0;
  return absl::OkStatus();
}

absl::Status UnackedBatches::Acknowledge(const v1::Ack& ack) {
  if (ack.applied_sequence() >= unwritten_sequence()) {
    return absl::InternalError(absl::StrCat("the server acknowledged sequence ",
                                            ack.applied_sequence(), ", but only those before ",
                                            unwritten_sequence(), " were sent"));
  }
  for (const auto& rejected : ack.rejected()) Reject(rejected);
  RemoveUpTo(ack.applied_sequence());
  return absl::OkStatus();
}

void UnackedBatches::Reject(const v1::RejectedBatch& rejected) {
  const uint64_t sequence = rejected.sequence();
  // A rejection of what already left is a repetition.
  if (sequence < first_sequence() || sequence >= next_sequence_) return;
  Entry& entry = batches_[sequence - first_sequence()];
  if (entry.rejected) return;
  entry.rejected = true;
  std::string reason = v1::BatchRejection_Name(rejected.reason());
  if (reason.empty()) reason = absl::StrCat("BATCH_REJECTION_", rejected.reason());
  if (!rejected.detail().empty()) absl::StrAppend(&reason, ": ", rejected.detail());
  if (rejections_.size() == kRejectionsMax) rejections_.pop_front();
  rejections_.push_back({sequence, entry.packets, std::move(reason)});
}

void UnackedBatches::RemoveUpTo(uint64_t sequence) {
  while (!batches_.empty() && first_sequence() <= sequence) {
    const Entry& entry = batches_.front();
    bytes_ -= entry.bytes;
    --counts_.pending_batches;
    counts_.pending_packets -= entry.packets;
    if (entry.rejected) {
      ++counts_.rejected_batches;
      counts_.rejected_packets += entry.packets;
    } else {
      ++counts_.acknowledged_batches;
      counts_.acknowledged_packets += entry.packets;
    }
    batches_.pop_front();
    if (cursor_ > 0) --cursor_;
  }
}

}  // namespace conntrack::client
