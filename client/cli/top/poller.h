// Looks at a server again and again in a thread of its own, so that a slow answer holds
// nobody up.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/top/looker.h"

namespace conntrack::cli::top {

// What a poller looks for, and how often.
struct Plan {
  Question question;
  std::chrono::milliseconds interval{0};
  // It does not look at all.
  bool paused = false;

  friend bool operator==(const Plan&, const Plan&) = default;
};

// What came of one thing it did: either a filter was judged, or it looked.
struct Outcome {
  std::optional<std::string> filter;
  absl::StatusOr<Look> look;
  // Of the filter.
  absl::Status verdict;
};

class Poller {
 public:
  // Looks for `plan` at once. `notify` is called from its thread after each outcome.
  // `looker` must outlive it.
  Poller(Looker* looker, const Plan& plan, std::function<void()> notify);

  // Gives up what is under way.
  ~Poller();

  // Another plan. One with another question is begun at once, whatever is under way.
  void Follow(const Plan& plan);

  // Has the server judge a filter, before it looks again.
  void Judge(const std::string& filter);

  // The outcomes since the last call, the oldest first.
  std::vector<Outcome> Take();

 private:
  using Clock = std::chrono::steady_clock;

  void Loop();
  void Add(Outcome outcome);

  Looker* const looker_;
  const std::function<void()> notify_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Plan plan_;
  Clock::time_point due_ = Clock::now();
  std::optional<std::string> filter_;
  bool stop_ = false;
  std::vector<Outcome> outcomes_;
  std::thread thread_;
};

}  // namespace conntrack::cli::top
