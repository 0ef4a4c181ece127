#include "client/cli/top/poller.h"

#include <utility>

namespace conntrack::cli::top {

Poller::Poller(Looker* looker, const Plan& plan, std::function<void()> notify)
    : looker_(looker), notify_(std::move(notify)), plan_(plan), thread_([this] { Loop(); }) {}

Poller::~Poller() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  looker_->Cancel();
  thread_.join();
}

void Poller::Follow(const Plan& plan) {
  bool another = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (plan == plan_) return;
    another = !(plan.question == plan_.question);
    const Clock::time_point now = Clock::now();
    // A shorter interval counts from now on; after a pause there is no time to lose.
    due_ = another || (plan_.paused && !plan.paused) ? now : std::min(due_, now + plan.interval);
    plan_ = plan;
  }
  if (another) looker_->Cancel();
  changed_.notify_one();
}

void Poller::Judge(const std::string& filter) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    filter_ = filter;
  }
  changed_.notify_one();
}

std::vector<Outcome> Poller::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(outcomes_, {});
}

void Poller::Add(Outcome outcome) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    outcomes_.push_back(std::move(outcome));
  }
  notify_();
}

void Poller::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stop_) {
    if (filter_.has_value()) {
      const std::string filter = *std::exchange(filter_, std::nullopt);
      lock.unlock();
      const absl::Status verdict = looker_->Judge(filter);
      Add({filter, absl::CancelledError(), verdict});
      lock.lock();
    } else if (plan_.paused) {
      changed_.wait(lock);
    } else if (Clock::now() < due_) {
      // Until a point in time that may be moved: looked at again after each waking.
      const Clock::time_point due = due_;
      changed_.wait_until(lock, due);
    } else {
      const Question question = plan_.question;
      due_ = Clock::now() + plan_.interval;
      lock.unlock();
      absl::StatusOr<Look> look = looker_->Ask(question);
      // Given up for another question.
      if (!absl::IsCancelled(look.status())) Add({std::nullopt, std::move(look), {}});
      lock.lock();
      // A server that takes long is not asked again the moment it has answered.
      if (plan_.question == question) due_ = std::max(due_, Clock::now() + plan_.interval / 4);
    }
  }
}

}  // namespace conntrack::cli::top
