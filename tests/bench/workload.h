// The traffic that benchmarks send: many established TCP connections with data
// both ways, in random order, sequence numbers advancing as they must.
//
// Deterministic: the same seed gives the same packets on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "server/tracker/packet.h"
#include "server/tracker/tracker.h"

namespace conntrack::bench {

// The server's time in every benchmark: nothing expires unless asked to.
inline constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

// A fast source of numbers; its period is far beyond any run.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    // SplitMix64.
    uint64_t value = state_ += 0x9E3779B97F4A7C15;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
    return value ^ (value >> 31);
  }
  uint32_t Below(uint32_t below) { return static_cast<uint32_t>((Next() >> 32) * below >> 32); }

 private:
  uint64_t state_;
};

struct WorkloadOptions {
  uint32_t connections = 1'000'000;
  Family family = Family::kIpv4;
  uint8_t protocol = kProtocolTcp;
  // The number of the first connection: workloads of one tracker share none.
  uint32_t first = 0;
  // All connections lie between the same two addresses.
  bool one_pair = false;
  uint64_t seed = 1;
};

class Workload {
 public:
  explicit Workload(const WorkloadOptions& options);

  uint32_t connections() const { return options_.connections; }

  // The packets that open connection `number`, appended: three of TCP, two of
  // UDP.
  void AppendOpening(uint32_t number, std::vector<Packet>* packets);
  // TCP: a packet of data each way, and the two FINs with what acknowledges them.
  void AppendData(uint32_t number, std::vector<Packet>* packets);
  void AppendClosing(uint32_t number, std::vector<Packet>* packets);
  // The first packet of connection `number`.
  Packet First(uint32_t number);
  // Fills `packets` with data of random connections and directions; with
  // `numbers`, also tells which.
  void Fill(std::span<Packet> packets, std::vector<uint32_t>* numbers = nullptr);

 private:
  // What each side sends next.
  struct Sides {
    uint32_t next[2] = {1000, 5000};
  };

  Packet Make(uint32_t number, bool reply) const;
  // What side `reply` of a TCP connection sends next: `advance` sequence numbers.
  Packet Next(uint32_t number, bool reply, uint8_t flags, uint32_t advance);

  const WorkloadOptions options_;
  Random random_;
  std::vector<Sides> sides_;
};

// Opens all connections of `workload` in a zone, at the server's time `now`.
void OpenConnections(Workload* workload, Tracker* tracker, ZoneIndex zone, Time now);

// A tracker without connections; its one zone has these settings.
std::unique_ptr<Tracker> MakeEmptyTracker(const ZoneSettings& settings);

// A tracker with one zone that has room for the connections of all workloads,
// and all of them open in it.
std::unique_ptr<Tracker> MakeTracker(std::span<Workload> workloads);
inline std::unique_ptr<Tracker> MakeTracker(Workload* workload) {
  return MakeTracker(std::span(workload, 1));
}

}  // namespace conntrack::bench
