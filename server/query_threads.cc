#include "server/query_threads.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/tracker/check.h"

namespace conntrack {

QueryThreads::QueryThreads(const Options& options) : options_(options) {
  CT_CHECK(options.threads > 0);
  threads_.reserve(options.threads);
  for (size_t i = 0; i < options.threads; ++i) threads_.emplace_back([this] { Work(); });
}

QueryThreads::~QueryThreads() {
  {
    const MutexLock lock(&mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

absl::Status QueryThreads::Run(Slice slice) {
  {
    const MutexLock lock(&mutex_);
    if (waiting_.size() >= options_.waiting_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat(options_.waiting_max, " queries wait already"));
    }
    waiting_.push_back(std::move(slice));
  }
  changed_.notify_one();
  return absl::OkStatus();
}

void QueryThreads::Resume(Slice slice) {
  {
    const MutexLock lock(&mutex_);
    waiting_.push_back(std::move(slice));
  }
  changed_.notify_one();
}

// std::condition_variable takes and returns the mutex unseen by the annotations.
void QueryThreads::Work() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::unique_lock lock(mutex_.native());
  while (true) {
    changed_.wait(lock,
                  [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Slice slice = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const bool more = slice();
    // What it held may take long to give back.
    if (!more) slice = nullptr;
    lock.lock();
    // What is under way always finds a place.
    if (more) waiting_.push_back(std::move(slice));
  }
}

}  // namespace conntrack
