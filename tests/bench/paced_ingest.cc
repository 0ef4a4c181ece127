#include "tests/bench/paced_ingest.h"

#include <algorithm>
#include <ctime>
#include <span>

#include "server/tracker/check.h"

namespace conntrack::bench {
namespace {

constexpr size_t kBatches = 256;

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double ThreadCpuNs() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

}  // namespace

PacedIngest::PacedIngest(Tracker* tracker, Workload* workload)
    : tracker_(*tracker), packets_(kBatches * kBatch), verdicts_(kBatch) {
  workload->Fill(packets_);
  const uint64_t before = accepted();
  // Once for the caches.
  for (size_t batch = 0; batch < kBatches; ++batch) Process(batch);
  // By what it takes of a core, so that a busy machine does not make it easy.
  const double begin_ns = ThreadCpuNs();
  for (size_t batch = 0; batch < kBatches; ++batch) Process(batch);
  packets_per_second_max_ = 1e9 * static_cast<double>(packets_.size()) / (ThreadCpuNs() - begin_ns);
  CT_CHECK(accepted() - before == sent_);
}

uint64_t PacedIngest::accepted() const {
  return tracker_.zone(0).packets[static_cast<size_t>(VerdictKind::kEstablished)].load();
}

void PacedIngest::Process(size_t batch) {
  tracker_.Process({.zone = 0, .server_now = kNow},
                   std::span(packets_).subspan(batch % kBatches * kBatch, kBatch), verdicts_);
  sent_ += kBatch;
}

void PacedIngest::Start(double share) {
  stop_ = false;
  thread_ = std::thread([this, share] { Run(share * packets_per_second_max_); });
}

double PacedIngest::Stop() {
  stop_ = true;
  thread_.join();
  return kept_;
}

double PacedIngest::RunAlone(double share, std::chrono::milliseconds time) {
  Start(share);
  std::this_thread::sleep_for(time);
  return Stop();
}

void PacedIngest::Run(double packets_per_second) {
  const uint64_t before = accepted();
  const double cpu_before = ThreadCpuNs();
  sent_ = 0;
  const std::chrono::duration<double> interval(kBatch / packets_per_second);
  const auto begin = Clock::now();
  for (size_t batch = 0; !stop_; ++batch) {
    // Late batches follow one another until the time is made good.
    std::this_thread::sleep_until(
        begin + std::chrono::duration_cast<Clock::duration>(interval * static_cast<double>(batch)));
    Process(batch);
  }
  cpu_ns_ = (ThreadCpuNs() - cpu_before) / static_cast<double>(std::max<uint64_t>(1, sent_));
  const double due = std::max(1.0, SecondsSince(begin) * packets_per_second);
  kept_ = std::min(1.0, static_cast<double>(sent_) / due);
  CT_CHECK(accepted() - before == sent_);
}

}  // namespace conntrack::bench
