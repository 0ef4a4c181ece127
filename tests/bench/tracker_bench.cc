// What the tracker alone costs a packet, beside what the memory allows: bare
// random reads and writes of as many cache lines, and a hash map with the same
// keys, both in huge pages too.
#include <benchmark/benchmark.h>
#include <sys/prctl.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/tracker/check.h"
#include "server/tracker/hash.h"
#include "server/tracker/tracker.h"
#include "tests/bench/huge_pages.h"
#include "tests/bench/workload.h"

namespace conntrack::bench {
namespace {

// Packets between two looks at the clock.
constexpr size_t kRun = 4096;
constexpr uint32_t kMillion = 1'000'000;

using Clock = std::chrono::steady_clock;

WorkloadOptions OptionsOf(const benchmark::State& state) {
  WorkloadOptions options;
  options.connections = static_cast<uint32_t>(state.range(0));
  options.family = state.range(1) == 4 ? Family::kIpv4 : Family::kIpv6;
  return options;
}

// Runs of kRun packets: their time, and the fastest, which a busy machine
// disturbs least.
class Timer {
 public:
  explicit Timer(benchmark::State* state) : state_(*state) {}
  ~Timer() {
    state_.SetItemsProcessed(state_.iterations() * static_cast<int64_t>(kRun));
    state_.counters["best_ns"] = best_ * 1e9 / kRun;
  }

  template <typename Work>
  void Run(Work work) {
    const auto begin = Clock::now();
    work();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    state_.SetIterationTime(seconds);
    best_ = std::min(best_, seconds);
  }

 private:
  benchmark::State& state_;
  double best_ = 1e9;
};

// Packets through a tracker, `batch` at a time.
class Feed {
 public:
  Feed(Tracker* tracker, size_t batch) : tracker_(*tracker), batch_(batch), verdicts_(kRun) {}

  void Send(std::span<const Packet> packets) {
    for (size_t i = 0; i < packets.size(); i += batch_) {
      const size_t count = std::min(batch_, packets.size() - i);
      tracker_.Process({.zone = 0, .server_now = kNow}, packets.subspan(i, count),
                       std::span(verdicts_).first(count));
    }
  }

 private:
  Tracker& tracker_;
  const size_t batch_;
  std::vector<Verdict> verdicts_;
};

uint64_t Accepted(const Tracker& tracker) {
  return tracker.zone(0).packets[static_cast<size_t>(VerdictKind::kEstablished)].load();
}

// One traffic of one protocol and family through a tracker.
void RunTracker(benchmark::State& state, const WorkloadOptions& options, size_t batch,
                const std::string& yardstick) {
  Workload workload(options);
  const auto tracker = MakeTracker(&workload);
  std::vector<Packet> packets(kRun);
  Feed feed(tracker.get(), batch);
  uint64_t sent = 0;
  const uint64_t before = Accepted(*tracker);
  Timer timer(&state);
  for (auto _ : state) {
    workload.Fill(packets);
    timer.Run([&] { feed.Send(packets); });
    sent += kRun;
  }
  // Every packet was accepted.
  CT_CHECK(Accepted(*tracker) - before == sent);
  state.counters["bytes_per_connection"] =
      static_cast<double>(tracker->table_bytes()) / options.connections;
  if (!yardstick.empty()) state.SetLabel("yardstick:" + yardstick);
}

std::string HashMapOf(const WorkloadOptions& options) {
  return absl::StrCat("HashMap/connections:", options.connections,
                      "/ip:", options.family == Family::kIpv4 ? 4 : 6);
}

void Established(benchmark::State& state) {
  const WorkloadOptions options = OptionsOf(state);
  RunTracker(state, options, kRun, HashMapOf(options));
}

// Packets in one call.
void Batches(benchmark::State& state) {
  const WorkloadOptions options;
  RunTracker(state, options, static_cast<size_t>(state.range(0)), HashMapOf(options));
}

void Udp(benchmark::State& state) {
  const WorkloadOptions options{.protocol = kProtocolUdp};
  RunTracker(state, options, kRun, HashMapOf(options));
}

// All connections between two addresses: one slot has them all.
void OnePair(benchmark::State& state) {
  const WorkloadOptions options{.connections = 10'000, .one_pair = true};
  RunTracker(state, options, kRun, "Established/connections:10000/ip:4");
}

void SmallPages(benchmark::State& state) {
  CT_CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
  RunTracker(state, {}, kRun, "Established/connections:1000000/ip:4");
  CT_CHECK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
}

// What a packet costs as the table grows.
void Growth(benchmark::State& state) {
  const WorkloadOptions options{.connections = static_cast<uint32_t>(state.range(0))};
  RunTracker(state, options, kRun, "");
}

// Threads with packets of their own connections in one tracker.
void Threads(benchmark::State& state) {
  constexpr size_t kRuns = 32;
  const auto threads = static_cast<uint32_t>(state.range(0));
  std::vector<Workload> workloads;
  for (uint32_t i = 0; i < threads; ++i) {
    workloads.emplace_back(
        WorkloadOptions{.connections = kMillion / threads, .first = kMillion / threads * i});
  }
  const auto tracker = MakeTracker(workloads);
  std::vector<std::vector<Packet>> packets(threads, std::vector<Packet>(kRun * kRuns));
  uint64_t sent = 0;
  const uint64_t before = Accepted(*tracker);
  for (auto _ : state) {
    for (uint32_t i = 0; i < threads; ++i) workloads[i].Fill(packets[i]);
    std::barrier start(threads + 1);
    std::vector<std::thread> running;
    for (uint32_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        Feed feed(tracker.get(), kRun);
        start.arrive_and_wait();
        feed.Send(packets[i]);
      });
    }
    start.arrive_and_wait();
    const auto begin = Clock::now();
    for (std::thread& thread : running) thread.join();
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - begin).count());
    sent += threads * kRun * kRuns;
  }
  CT_CHECK(Accepted(*tracker) - before == sent);
  state.SetItemsProcessed(static_cast<int64_t>(sent));
  if (threads > 1) state.SetLabel("yardstick:Growth/threads:1");
}

// Yardstick: a random cache line read, changed and written for each packet.
void CacheLines(benchmark::State& state) {
  struct alignas(64) Line {
    uint64_t value[8];
  };
  const auto count = static_cast<uint32_t>(state.range(0));
  std::vector<Line, HugePages<Line>> lines(count);
  std::vector<uint32_t> numbers(kRun);
  Random random(1);
  Timer timer(&state);
  for (auto _ : state) {
    for (uint32_t& number : numbers) number = random.Below(count);
    timer.Run([&] {
      for (const uint32_t number : numbers) ++lines[number].value[0];
    });
  }
  benchmark::DoNotOptimize(lines.data());
}

struct HashKey {
  size_t operator()(const Key& key) const { return TableHash(0x5EC2E7, key); }
};

// Yardstick: the same keys looked up in a hash map, and a counter moved.
void HashMap(benchmark::State& state) {
  Workload workload(OptionsOf(state));
  absl::flat_hash_map<Key, uint64_t, HashKey, std::equal_to<>,
                      HugePages<std::pair<const Key, uint64_t>>>
      map;
  map.reserve(workload.connections());
  const auto key_of = [](const Packet& packet) { return KeyOf(0, packet)->key; };
  for (uint32_t number = 0; number < workload.connections(); ++number) {
    map[key_of(workload.First(number))] = 0;
  }
  std::vector<Packet> packets(kRun);
  Timer timer(&state);
  for (auto _ : state) {
    workload.Fill(packets);
    timer.Run([&] {
      for (const Packet& packet : packets) ++map.find(key_of(packet))->second;
    });
  }
}

BENCHMARK(CacheLines)
    ->ArgName("connections")
    ->Arg(10'000)
    ->Arg(kMillion)
    ->Arg(10 * kMillion)
    ->UseManualTime();
BENCHMARK(HashMap)
    ->ArgNames({"connections", "ip"})
    ->ArgsProduct({{10'000, kMillion, 10 * kMillion}, {4, 6}})
    ->UseManualTime();
BENCHMARK(Established)
    ->ArgNames({"connections", "ip"})
    ->ArgsProduct({{10'000, kMillion, 10 * kMillion}, {4, 6}})
    ->UseManualTime();
BENCHMARK(Batches)->ArgName("packets")->Arg(1)->Arg(64)->Arg(512)->Arg(4096)->UseManualTime();
BENCHMARK(Udp)->UseManualTime();
BENCHMARK(OnePair)->UseManualTime();
BENCHMARK(SmallPages)->UseManualTime();
BENCHMARK(Threads)->Name("Growth")->ArgName("threads")->DenseRange(1, 2)->UseManualTime();
BENCHMARK(Growth)
    ->ArgName("connections")
    ->RangeMultiplier(10)
    ->Range(1000, 10 * kMillion)
    ->UseManualTime();

}  // namespace
}  // namespace conntrack::bench
