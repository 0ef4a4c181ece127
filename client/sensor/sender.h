// Sender hands batches to the client library's session and, for files, waits
// for room in its buffer without losing touch with the rest of the sensor:
// signals are seen and heartbeats leave while the server is away.
//
// Not thread-safe: owned by the capture's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "absl/status/status.h"
#include "conntrack/ingest.h"

namespace conntrack::sensor {

class Sender {
 public:
  // Called again and again while Send waits; lets some milliseconds pass.
  // False: wait no longer.
  using WaitCall = std::function<bool()>;

  // `session` drops what finds no room (WhenFull::kDrop), and outlives this.
  // Null `wait`: never wait, as live traffic wants it.
  Sender(client::IngestSession* session, uint64_t buffer_bytes_max, WaitCall wait);

  // Hands over one batch. After the session has failed, batches are counted as
  // given up instead.
  void Send(v1::PacketBatch batch);

  // What made the session fail; OK while it has not.
  const absl::Status& failure() const { return failure_; }

  // The session's counts; what was given up after its failure counts as sent
  // and dropped.
  client::IngestCounts counts() const;

 private:
  // Whether `bytes` more fit, as the session reckons.
  bool HasRoomFor(uint64_t bytes);

  client::IngestSession* const session_;
  const uint64_t buffer_bytes_max_;
  const WaitCall wait_;
  std::deque<uint64_t> pending_bytes_each_;  // Of the batches not acknowledged yet.
  uint64_t pending_bytes_ = 0;
  uint64_t given_up_batches_ = 0;
  uint64_t given_up_packets_ = 0;
  absl::Status failure_;
};

}  // namespace conntrack::sensor
