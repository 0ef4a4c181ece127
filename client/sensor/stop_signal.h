// SIGINT and SIGTERM as something to poll: the first asks the program to stop,
// a second one ends it at once.
//
// Make it before any thread starts, so that they all leave the signals alone.
// Not thread-safe; one of it at a time.
#pragma once

#include <chrono>

#include "absl/status/status.h"

namespace conntrack::sensor {

class StopSignal {
 public:
  StopSignal() = default;
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Takes the signals over. Internal when the system refuses.
  absl::Status Install();

  // Whether a signal has come. Cheap enough for every idle turn.
  bool Requested() { return Wait(std::chrono::milliseconds(0)); }

  // Waits for a signal, at most `timeout`; whether one has come by then. Once
  // one has, sleeps for `timeout` instead.
  bool Wait(std::chrono::milliseconds timeout);

 private:
  int fd_ = -1;
  bool requested_ = false;
};

}  // namespace conntrack::sensor
