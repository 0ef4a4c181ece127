// Pacer says when a recorded packet is due when a capture is replayed at the
// speed it was recorded, or a multiple of it.
//
// Pure arithmetic: the time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace conntrack::sensor {

// Parses "max" (0: no pacing), "recorded" (1) or a factor such as "10x" and
// "0.5x". InvalidArgument for anything else and for factors outside 0.001 to
// 1,000,000.
absl::StatusOr<double> ParseSpeed(const std::string& text);

class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  // REQUIRES: speed > 0.
  explicit Pacer(double speed) : speed_(speed) {}

  // When the packet captured at `time_unix_ns` is due; the first packet is due
  // at `now`. A packet older than the first is due at once.
  Clock::time_point Due(uint64_t time_unix_ns, Clock::time_point now);

 private:
  struct Start {
    uint64_t time_unix_ns;
    Clock::time_point at;
  };

  const double speed_;
  std::optional<Start> start_;
};

}  // namespace conntrack::sensor
