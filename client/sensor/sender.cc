#include "client/sensor/sender.h"

#include <utility>

namespace conntrack::sensor {

Sender::Sender(client::IngestSession* session, uint64_t buffer_bytes_max, WaitCall wait)
    : session_(session), buffer_bytes_max_(buffer_bytes_max), wait_(std::move(wait)) {}

bool Sender::HasRoomFor(uint64_t bytes) {
  if (pending_bytes_ + bytes <= buffer_bytes_max_) return true;
  // Batches are acknowledged in order, so those that are gone are the first.
  const uint64_t pending = session_->counts().pending_batches;
  while (pending_bytes_each_.size() > pending) {
    pending_bytes_ -= pending_bytes_each_.front();
    pending_bytes_each_.pop_front();
  }
  return pending_bytes_ + bytes <= buffer_bytes_max_;
}

void Sender::Send(v1::PacketBatch batch) {
  const uint64_t packets = static_cast<uint64_t>(batch.kind_size());
  if (wait_) {
    const uint64_t bytes = batch.SpaceUsedLong();
    while (failure_.ok() && !HasRoomFor(bytes) && wait_()) {
    }
    pending_bytes_each_.push_back(bytes);
    pending_bytes_ += bytes;
  }
  if (failure_.ok()) failure_ = session_->Send(std::move(batch));
  if (failure_.ok()) return;
  ++given_up_batches_;
  given_up_packets_ += packets;
}

client::IngestCounts Sender::counts() const {
  client::IngestCounts counts = session_->counts();
  counts.sent_batches += given_up_batches_;
  counts.sent_packets += given_up_packets_;
  counts.dropped_batches += given_up_batches_;
  counts.dropped_packets += given_up_packets_;
  return counts;
}

}  // namespace conntrack::sensor
