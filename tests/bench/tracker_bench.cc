// What the tracker alone costs a packet, beside what the memory allows: bare
// random reads and writes of as many cache lines, and a hash map with the same
// keys.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/tracker/check.h"
#include "server/tracker/tracker.h"
#include "server/tracker/tuple.h"
#include "tests/bench/workload.h"

namespace conntrack::bench {
namespace {

// Packets between two looks at the clock.
constexpr size_t kRun = 16'384;

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

// One traffic of one protocol and family through a tracker.
void RunTracker(benchmark::State& state, const WorkloadOptions& options, size_t batch) {
  Workload workload(options);
  const auto tracker = MakeTracker(&workload);
  std::vector<Packet> packets(kRun);
  std::vector<Verdict> verdicts(kRun);
  uint64_t sent = 0;
  const auto accepted = [&] {
    return tracker->zone(0).packets[static_cast<size_t>(VerdictKind::kEstablished)].load();
  };
  const uint64_t before = accepted();
  Timer timer(&state);
  for (auto _ : state) {
    workload.Fill(packets);
    timer.Run([&] {
      for (size_t i = 0; i < kRun; i += batch) {
        tracker->Process({.zone = 0, .server_now = kNow}, std::span(packets).subspan(i, batch),
                         std::span(verdicts).subspan(i, batch));
      }
    });
    sent += kRun;
  }
  // Every packet was accepted.
  CT_CHECK(accepted() - before == sent);
  state.counters["bytes/connection"] =
      static_cast<double>(tracker->table_bytes()) / options.connections;
}

void Established(benchmark::State& state) {
  RunTracker(state, OptionsOf(state), static_cast<size_t>(state.range(2)));
}

// Yardstick: a random cache line read, changed and written for each packet.
void CacheLines(benchmark::State& state) {
  struct alignas(64) Line {
    uint64_t value[8];
  };
  const auto count = static_cast<uint32_t>(state.range(0));
  std::vector<Line> lines(count);
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
  absl::flat_hash_map<Key, uint64_t, HashKey> map;
  map.reserve(workload.connections());
  const auto key_of = [](const Packet& packet) {
    return MakeKey(0, packet.family, packet.protocol, packet.source, packet.destination,
                   packet.ports)
        ->key;
  };
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
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->UseManualTime();
BENCHMARK(HashMap)
    ->ArgNames({"connections", "ip"})
    ->ArgsProduct({{10'000, 1'000'000, 10'000'000}, {4, 6}})
    ->UseManualTime();
BENCHMARK(Established)
    ->ArgNames({"connections", "ip", "batch"})
    ->ArgsProduct({{1000, 10'000, 1'000'000, 10'000'000}, {4, 6}, {4096}})
    ->UseManualTime();

}  // namespace
}  // namespace conntrack::bench
