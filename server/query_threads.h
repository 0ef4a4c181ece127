// QueryThreads runs what takes milliseconds in few threads of their own, so that
// it holds up neither gRPC's threads nor, having few cores, ingest. A long query
// runs in slices and lets others run between them.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/tracker/mutex.h"

namespace conntrack {

class QueryThreads {
 public:
  // Runs for some milliseconds at most. True when there is more to do: then it is
  // called again after those that wait.
  using Slice = std::function<bool()>;

  struct Options {
    // At least 1.
    size_t threads = 1;
    // Queries that wait for their first slice or the next one.
    size_t waiting_max = 128;
  };

  explicit QueryThreads(const Options& options);
  // Runs what waits to its end.
  ~QueryThreads();
  QueryThreads(const QueryThreads&) = delete;
  QueryThreads& operator=(const QueryThreads&) = delete;

  // Has `slice` called until it returns false. ResourceExhausted when waiting_max
  // others wait: then it is never called.
  absl::Status Run(Slice slice);
  // The same for what goes on after a pause: it always finds a place, so that the
  // caller bounds how many there are.
  void Resume(Slice slice);

 private:
  void Work();

  const Options options_;
  Mutex mutex_;
  std::condition_variable changed_;
  std::deque<Slice> waiting_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace conntrack
