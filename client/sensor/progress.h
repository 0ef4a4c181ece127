// Progress draws one line on a terminal, over and over: how far a file is read
// or how much an interface has seen, how fast, and how long a file will take.
//
// Not thread-safe: owned by the capture's thread. The time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace conntrack::sensor {

struct ProgressState {
  uint64_t packets = 0;       // Read so far.
  uint64_t acknowledged = 0;  // Packets.
  uint64_t dropped = 0;       // Packets, by the kernel or the full buffer.
  uint64_t bytes = 0;         // Of the file.
  uint64_t bytes_total = 0;   // 0: not a file, or of unknown size.
};

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  // The line for `state`, `elapsed` after the start, at `packets_per_second`.
  static std::string Line(const ProgressState& state, std::chrono::duration<double> elapsed,
                          double packets_per_second);

  // Draws on standard error when that is a terminal and `enabled`.
  Progress(bool enabled, Clock::time_point start);
  ~Progress() { Clear(); }

  // Whether it is time to draw again.
  bool Due(Clock::time_point now) const { return terminal_ && now >= next_; }
  void Draw(const ProgressState& state, Clock::time_point now);

  // Takes the line away, so that other output may follow.
  void Clear();

 private:
  const bool terminal_;
  const Clock::time_point start_;
  Clock::time_point next_;
  Clock::time_point last_;
  uint64_t last_packets_ = 0;
  bool drawn_ = false;
};

}  // namespace conntrack::sensor
