// What watchers did so far, for metrics and GetStats. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

namespace conntrack {

struct WatchStats {
  // Streams open now.
  std::atomic<uint32_t> watchers{0};
  // Events sent, over all watchers.
  std::atomic<uint64_t> sent_events{0};
  // Events that watchers were told they lost.
  std::atomic<uint64_t> lost_events{0};
  // Resume tokens that were refused: of this run, but the events after it are gone, and
  // those of an earlier run. Nobody knows how many events such a watcher lost.
  std::atomic<uint64_t> tokens_too_old{0};
  std::atomic<uint64_t> tokens_of_earlier_runs{0};
};

}  // namespace conntrack
