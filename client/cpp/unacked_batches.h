// The batches a session has taken and the server has not dealt with, in the
// order of their sequences, and the count of what became of all others.
//
// A cursor divides them: those before it were written on the stream that is
// open, those from it on were not. A new stream moves the cursor back to what
// the server asks for; nothing is copied, and a batch leaves only when the
// server acknowledged or rejected it. So at all times
//   sent = acknowledged + rejected + dropped + pending.
//
// Not thread-safe: owned by one session, under its lock. Every operation costs
// constant time for each batch it concerns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "conntrack/ingest.h"

namespace conntrack::client {

// How many packets the batch says it has: the length of its `kind` column.
inline uint64_t PacketsOf(const v1::PacketBatch& batch) {
  return static_cast<uint64_t>(batch.kind_size());
}

class UnackedBatches {
 public:
  // A batch ready to be written. Shared, because an ack may remove it from here
  // before the call that writes it returns.
  using Request = std::shared_ptr<const v1::IngestRequest>;

  // Keeps batches of at most `bytes_max` bytes of memory together.
  explicit UnackedBatches(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // A batch of this size can be added now.
  bool HasRoomFor(uint64_t bytes) const { return bytes <= bytes_max_ - bytes_; }

  // Gives the batch the next sequence and keeps it. `bytes` is its size in
  // memory.
  //
  // REQUIRES: HasRoomFor(bytes).
  void Add(v1::PacketBatch batch, uint64_t bytes);

  // Counts a batch that is given up instead of kept. It gets no sequence.
  void Drop(uint64_t packets);

  // The batch at the cursor, which moves on; null when all were written.
  Request TakeUnwritten();
  bool HasUnwritten() const { return cursor_ < batches_.size(); }

  // Begins again on a new stream: everything up to `applied` counts as
  // acknowledged, and the cursor stands on the batch after it. Internal when
  // the server claims what was never sent, or lacks what is no longer kept.
  absl::Status Rewind(uint64_t applied);

  // Everything up to `ack.applied_sequence` was dealt with; rejected ones with
  // the reason. Internal when the server acknowledges what was not written.
  absl::Status Acknowledge(const v1::Ack& ack);

  // A batch that is still here; null for every other sequence.
  Request Find(uint64_t sequence) const {
    if (sequence < first_sequence() || sequence >= next_sequence_) return nullptr;
    return batches_[sequence - first_sequence()].request;
  }

  bool empty() const { return batches_.empty(); }
  // The lowest sequence that can still be written.
  uint64_t first_sequence() const { return next_sequence_ - batches_.size(); }
  // The sequence of the next batch added.
  uint64_t next_sequence() const { return next_sequence_; }
  // Sequence of the batch at the cursor.
  uint64_t unwritten_sequence() const { return first_sequence() + cursor_; }

  // All but `connects` and `failures`.
  const IngestCounts& counts() const { return counts_; }
  // The latest, at most 100, oldest first.
  std::vector<Rejection> rejections() const { return {rejections_.begin(), rejections_.end()}; }

 private:
  struct Entry {
    Request request;
    uint64_t bytes = 0;
    uint64_t packets = 0;
    bool written = false;   // At least once, on any stream.
    bool rejected = false;  // The server said so; counted when it leaves.
  };

  void Reject(const v1::RejectedBatch& rejected);
  void RemoveUpTo(uint64_t sequence);

  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  uint64_t next_sequence_ = 1;
  size_t cursor_ = 0;  // Index in `batches_`.
  std::deque<Entry> batches_;
  IngestCounts counts_;
  std::deque<Rejection> rejections_;
};

}  // namespace conntrack::client
