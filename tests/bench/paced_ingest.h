// PacedIngest gives packets to a tracker in a thread of its own, at a fixed
// share of what it can take, and says what share of its packets it got through:
// what a query costs ingest.
//
// Not thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/bench/workload.h"

namespace conntrack::bench {

class PacedIngest {
 public:
  static constexpr size_t kBatch = 4096;

  // Makes packets of known connections, and measures how many a second the
  // tracker takes on a core. The tracker must outlive this.
  PacedIngest(Tracker* tracker, Workload* workload);

  double packets_per_second_max() const { return packets_per_second_max_; }

  // Starts with `share` of the maximum.
  void Start(double share);
  // Ends, checks that every packet was accepted, and returns done / due packets.
  double Stop();
  // Both, with nothing else to do for `time`.
  double RunAlone(double share, std::chrono::milliseconds time);
  // What a packet of the last run took of a core.
  double cpu_ns() const { return cpu_ns_; }

 private:
  using Clock = std::chrono::steady_clock;

  void Process(size_t batch);
  void Run(double packets_per_second);
  uint64_t accepted() const;

  Tracker& tracker_;
  std::vector<Packet> packets_;
  std::vector<Verdict> verdicts_;
  double packets_per_second_max_ = 0;
  uint64_t sent_ = 0;
  std::atomic<bool> stop_{false};
  double kept_ = 0;
  double cpu_ns_ = 0;
  std::thread thread_;
};

}  // namespace conntrack::bench
