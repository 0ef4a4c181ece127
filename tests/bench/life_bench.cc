// What a connection costs from its first packet to its end, what a flood costs a
// full table, what expiry costs while nothing ends, and what memory a connection
// takes and gives back.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <vector>

#include "server/tracker/check.h"
#include "server/tracker/tracker.h"
#include "tests/bench/workload.h"

namespace conntrack::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kRun = 4096;
constexpr uint32_t kMillion = 1'000'000;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Sends `packets` in batches at `now`.
void Send(Tracker* tracker, Time now, std::span<const Packet> packets) {
  static std::vector<Verdict> verdicts(kRun);
  while (!packets.empty()) {
    const size_t count = std::min(kRun, packets.size());
    tracker->Process({.zone = 0, .server_now = now}, packets.first(count),
                     std::span(verdicts).first(count));
    packets = packets.subspan(count);
  }
}

std::unique_ptr<Tracker> EmptyTracker(uint64_t connections_max, ZoneSettings settings = {}) {
  settings.connections_max = connections_max;
  return MakeEmptyTracker(settings);
}

// Connections of one packet that come and expire while a million others stay, when as
// many did before: the memory for events is full, and that of records is kept.
void CreateAndExpire(benchmark::State& state) {
  const uint32_t standing = kMillion;
  Workload workload({.connections = standing + kMillion});
  const auto tracker = EmptyTracker(standing + kMillion);
  std::vector<Packet> packets;
  for (uint32_t number = 0; number < standing; ++number) workload.AppendOpening(number, &packets);
  Send(tracker.get(), kNow, packets);
  packets.resize(kMillion);
  Time now = kNow;
  const auto come_and_expire = [&] {
    for (uint32_t i = 0; i < kMillion; ++i) packets[i] = workload.First(standing + i);
    const auto begin = Clock::now();
    Send(tracker.get(), now, packets);
    // A SYN without answer lives for 120 s.
    now += std::chrono::seconds(121);
    const size_t expired = tracker->Expire(now, SIZE_MAX);
    const double seconds = SecondsSince(begin);
    CT_CHECK(expired == kMillion);
    return seconds;
  };
  come_and_expire();
  for (auto _ : state) state.SetIterationTime(come_and_expire());
  CT_CHECK(tracker->connections() == standing);
  state.SetItemsProcessed(state.iterations() * kMillion);
}

// The whole life of a TCP connection: opened, closed by two FINs, expired.
void WholeLife(benchmark::State& state) {
  constexpr uint32_t kConnections = 200'000;
  const auto tracker = EmptyTracker(kConnections);
  Time now = kNow;
  for (auto _ : state) {
    Workload workload({.connections = kConnections});
    std::vector<Packet> packets;
    for (uint32_t number = 0; number < kConnections; ++number) {
      workload.AppendOpening(number, &packets);
      workload.AppendClosing(number, &packets);
    }
    const auto begin = Clock::now();
    Send(tracker.get(), now, packets);
    now += std::chrono::seconds(121);
    const size_t expired = tracker->Expire(now, SIZE_MAX);
    state.SetIterationTime(SecondsSince(begin));
    CT_CHECK(expired == kConnections);
    state.counters["packets_per_connection"] = static_cast<double>(packets.size()) / kConnections;
  }
  state.SetItemsProcessed(state.iterations() * kConnections);
}

// New connections while there is room: the flood's yardstick.
void NewConnections(benchmark::State& state) {
  for (auto _ : state) {
    Workload workload({.connections = kMillion});
    const auto tracker = EmptyTracker(kMillion);
    std::vector<Packet> packets(kMillion);
    for (uint32_t i = 0; i < kMillion; ++i) packets[i] = workload.First(i);
    const auto begin = Clock::now();
    Send(tracker.get(), kNow, packets);
    state.SetIterationTime(SecondsSince(begin));
    CT_CHECK(tracker->connections() == kMillion);
  }
  state.SetItemsProcessed(state.iterations() * kMillion);
}

// SYNs at a full table whose connections are half of them assured: each either
// takes the place of one that is not, or is refused.
void SynFlood(benchmark::State& state) {
  constexpr uint32_t kAssured = kMillion / 2;
  Workload workload({.connections = 3 * kMillion});
  const auto tracker = EmptyTracker(kMillion);
  std::vector<Packet> packets;
  for (uint32_t number = 0; number < kAssured; ++number) {
    workload.AppendOpening(number, &packets);
    workload.AppendData(number, &packets);
  }
  for (uint32_t number = kAssured; number < kMillion; ++number) {
    packets.push_back(workload.First(number));
  }
  Send(tracker.get(), kNow, packets);
  CT_CHECK(tracker->connections() == kMillion);
  packets.resize(kMillion);
  uint32_t next = kMillion;
  for (auto _ : state) {
    for (Packet& packet : packets) {
      packet = workload.First(next);
      if (++next == 3 * kMillion) next = kMillion;
    }
    const auto begin = Clock::now();
    Send(tracker.get(), kNow, packets);
    state.SetIterationTime(SecondsSince(begin));
  }
  // No assured connection gave way.
  const auto established = static_cast<size_t>(TcpState::kEstablished);
  CT_CHECK(tracker->zone(0).by_state[established].load() == kAssured);
  CT_CHECK(tracker->connections() == kMillion);
  state.SetItemsProcessed(state.iterations() * kMillion);
  state.SetLabel("yardstick:NewConnections");
}

// A second of expiry with ten million connections that live for 120 s and hear
// of each other every 50 s: nothing ends, but every deadline is looked at again
// and again. The share of a core is `core_percent`.
void ExpiryWhileRefreshed(benchmark::State& state) {
  constexpr uint32_t kConnections = 10 * kMillion;
  constexpr uint32_t kRefreshedEachSecond = kConnections / 50;
  ZoneSettings settings;
  settings.udp = settings.udp_stream = std::chrono::seconds(120);
  Workload workload({.connections = kConnections, .protocol = kProtocolUdp});
  const auto tracker = EmptyTracker(kConnections, settings);
  OpenConnections(&workload, tracker.get(), 0, kNow);
  std::vector<Packet> packets(kRefreshedEachSecond);
  Time now = kNow;
  uint32_t next = 0;
  double seconds = 0;
  for (auto _ : state) {
    for (Packet& packet : packets) {
      packet = workload.First(next);
      next = (next + 1) % kConnections;
    }
    const auto begin = Clock::now();
    // As the server does it: ten times a second.
    for (int tick = 0; tick < 10; ++tick) {
      now += std::chrono::milliseconds(100);
      CT_CHECK(tracker->Expire(now, SIZE_MAX) == 0);
    }
    const double spent = SecondsSince(begin);
    state.SetIterationTime(spent);
    seconds += spent;
    Send(tracker.get(), now, packets);
  }
  CT_CHECK(tracker->connections() == kConnections);
  state.counters["core_percent"] = 100 * seconds / static_cast<double>(state.iterations());
}

// Bytes of this process in memory.
double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void MemoryPerConnection(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  const Family family = state.range(1) == 4 ? Family::kIpv4 : Family::kIpv6;
  for (auto _ : state) {
    auto workload =
        std::make_unique<Workload>(WorkloadOptions{.connections = connections, .family = family});
    // Events up to their limit are there before the first look.
    const auto tracker = EmptyTracker(connections);
    malloc_trim(0);
    const double idle = ResidentBytes();
    const double idle_tables = static_cast<double>(tracker->table_bytes());
    std::vector<Packet> packets;
    for (uint32_t number = 0; number < connections; ++number) {
      workload->AppendOpening(number, &packets);
      if (packets.size() < kRun && number + 1 < connections) continue;
      Send(tracker.get(), kNow, packets);
      packets.clear();
    }
    CT_CHECK(tracker->connections() == connections);
    const double events = static_cast<double>(tracker->event_bytes());
    const double full = ResidentBytes() - events;
    state.counters["bytes_per_connection"] =
        (static_cast<double>(tracker->table_bytes()) - idle_tables) / connections;
    state.counters["resident_bytes_per_connection"] = (full - idle) / connections;
    tracker->Expire(kNow + std::chrono::hours(24 * 30), SIZE_MAX);
    CT_CHECK(tracker->connections() == 0);
    malloc_trim(0);
    const double after = ResidentBytes() - static_cast<double>(tracker->event_bytes());
    state.counters["table_bytes_after"] = static_cast<double>(tracker->table_bytes());
    state.counters["resident_after_percent_of_idle"] = 100 * after / idle;
  }
}

BENCHMARK(CreateAndExpire)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(WholeLife)->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
BENCHMARK(NewConnections)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(SynFlood)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(ExpiryWhileRefreshed)->UseManualTime()->Iterations(150)->Unit(benchmark::kMillisecond);
BENCHMARK(MemoryPerConnection)
    ->ArgNames({"connections", "ip"})
    ->ArgsProduct({{kMillion, 10 * kMillion}, {4, 6}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace conntrack::bench
