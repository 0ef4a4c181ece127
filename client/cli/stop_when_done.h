// How a watch is meant to end: SIGINT, SIGTERM, or a reader that goes away.
#pragma once

#include <csignal>
#include <thread>

#include "conntrack/watch.h"

namespace conntrack::cli {

// Blocks both signals in this thread and those that it starts, and returns them. To be
// called before gRPC starts its threads.
sigset_t BlockStopSignals();

// Stops a watcher, for as long as this lives, on the signals and when the reader of
// `output` goes away: in quiet times no write would notice.
class StopWhenDone {
 public:
  // REQUIRES: no thread takes these signals.
  StopWhenDone(const sigset_t& signals, int output, client::Watcher& watcher);
  ~StopWhenDone();
  StopWhenDone(const StopWhenDone&) = delete;
  StopWhenDone& operator=(const StopWhenDone&) = delete;

 private:
  const int signals_;
  const int over_;
  std::thread thread_;
};

}  // namespace conntrack::cli
