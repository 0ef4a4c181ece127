// What the sensor carries: a capture file read and decoded, beside libpcap that
// only reads it; the same file through the program and gRPC into the tracker; and
// frames of a veth pair, beside libpcap that only counts them.
//
// The capture has 10,000 TCP connections and a million packets of 154 bytes. It
// lies in memory, and was read once before the clock starts.
#include <benchmark/benchmark.h>
#include <pcap/pcap.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/sensor/capture.h"
#include "client/sensor/pipeline.h"
#include "server/server.h"
#include "server/tracker/check.h"
#include "tests/bench/cpu_time.h"
#include "tests/bench/frames.h"
#include "tests/bench/veth.h"
#include "tests/bench/workload.h"
#include "tests/testing/child_process.h"

namespace conntrack::bench {
namespace {

constexpr uint32_t kConnections = 10'000;
constexpr uint64_t kPackets = 1'000'000;
constexpr uint64_t kVethPackets = 1'000'000;
constexpr double kVethSecondsMax = 60;

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A capture for all benchmarks, removed at the end.
class SharedCapture {
 public:
  explicit SharedCapture(Family family)
      : path_(absl::StrCat("/dev/shm/sensor_bench.", getpid(), ".",
                           family == Family::kIpv4 ? "4" : "6", ".pcap")) {
    WorkloadOptions options;
    options.connections = kConnections;
    options.family = family;
    Workload workload(options);
    WriteCapture(path_, kPackets, &workload);
  }
  ~SharedCapture() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

const std::string& CapturePath(const benchmark::State& state) {
  static const SharedCapture ipv4(Family::kIpv4);
  static const SharedCapture ipv6(Family::kIpv6);
  return state.range(0) == 4 ? ipv4.path() : ipv6.path();
}

// Yardstick: libpcap hands over each packet, and nobody looks at it.
void ReadOnly(benchmark::State& state) {
  const std::string& path = CapturePath(state);
  for (auto _ : state) {
    char error[PCAP_ERRBUF_SIZE] = {};
    pcap_t* const pcap = pcap_open_offline(path.c_str(), error);
    CT_CHECK(pcap != nullptr);
    uint64_t packets = 0;
    const auto count = [](u_char* counter, const pcap_pkthdr*, const u_char*) {
      ++*reinterpret_cast<uint64_t*>(counter);
    };
    CT_CHECK(pcap_loop(pcap, -1, count, reinterpret_cast<u_char*>(&packets)) == 0);
    CT_CHECK(packets == kPackets);
    pcap_close(pcap);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kPackets));
}

// The sensor alone: read, decoded, checksums verified, columns filled.
void Decode(benchmark::State& state) {
  const std::string& path = CapturePath(state);
  for (auto _ : state) {
    auto capture = sensor::OpenCaptureFile(path, "", nullptr);
    CT_CHECK(capture.ok());
    uint64_t packets = 0;
    sensor::Pipeline pipeline({}, [&packets](const v1::PacketBatch& batch) {
      packets += static_cast<uint64_t>(batch.kind_size());
    });
    const auto take = [&pipeline](const sensor::Frame& frame) {
      pipeline.Take(frame);
      return true;
    };
    CT_CHECK((*capture)->Run(take, [] { return true; }).ok());
    pipeline.Finish();
    // Nothing was discarded or found malformed.
    CT_CHECK(packets == kPackets && pipeline.ledger().malformed_packets == 0);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kPackets));
  state.SetLabel(absl::StrCat("yardstick:ReadOnly/ip:", state.range(0)));
}

int64_t ChildrenCpuNs() {
  rusage usage = {};
  CT_CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0);
  const auto nanos = [](const timeval& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1000;
  };
  return nanos(usage.ru_utime) + nanos(usage.ru_stime);
}

// The whole chain: the program from its start to its end, a server of this
// process, and its tracker. Connections are opened by the capture itself.
void ToServer(benchmark::State& state) {
  const std::string& path = CapturePath(state);
  ServerConfig config;
  config.listen = "127.0.0.1:0";
  config.metrics_listen = "";
  auto server = Server::Start(config);
  CT_CHECK(server.ok());
  uint32_t zone = 0;
  int64_t server_cpu_ns = 0;
  int64_t sensor_cpu_ns = 0;
  for (auto _ : state) {
    const int64_t server_before = CpuTimeNs();
    const int64_t sensor_before = ChildrenCpuNs();
    const auto begin = Clock::now();
    testing::ChildProcess sensor(
        CONNTRACK_SENSOR_PROGRAM,
        {"--read", path, "--zone", std::to_string(zone), "--sensor-id",
         absl::StrCat("bench-", zone), "--server", absl::StrCat("127.0.0.1:", (*server)->port())});
    CT_CHECK(sensor.Wait() == 0);
    state.SetIterationTime(SecondsSince(begin));
    server_cpu_ns += CpuTimeNs() - server_before;
    sensor_cpu_ns += ChildrenCpuNs() - sensor_before;
    // Every packet was tracked, and none found INVALID.
    const Zone& counted = (*server)->tracker().zone(static_cast<ZoneIndex>(zone));
    uint64_t tracked = 0;
    for (const auto& packets : counted.packets) tracked += packets.load();
    CT_CHECK(tracked == kPackets);
    CT_CHECK(counted.packets[static_cast<size_t>(VerdictKind::kInvalid)] == 0);
    CT_CHECK(counted.connections == kConnections);
    ++zone;
  }
  const auto packets = static_cast<double>(zone * kPackets);
  state.SetItemsProcessed(static_cast<int64_t>(packets));
  state.counters["server_cpu_ns"] = static_cast<double>(server_cpu_ns) / packets;
  state.counters["client_cpu_ns"] = static_cast<double>(sensor_cpu_ns) / packets;
  state.SetLabel(absl::StrCat("yardstick:Decode/ip:", state.range(0)));
}

std::vector<std::string> MakeFrames() {
  WorkloadOptions options;
  options.connections = kConnections;
  Workload workload(options);
  std::vector<Packet> packets(4096);
  workload.Fill(packets);
  std::vector<std::string> frames;
  frames.reserve(packets.size());
  for (const Packet& packet : packets) frames.push_back(MakeFrame(packet));
  return frames;
}

// How many frames of a veth pair came, and how many the kernel's ring had no room
// for, while as many as it takes were sent.
struct VethCounts {
  uint64_t taken = 0;
  uint64_t dropped = 0;
  double seconds = 0;
};

VethCounts RunVeth(const std::vector<std::string>& frames, const sensor::FrameSink& sink) {
  VethCounts counts;
  WithVeth([&] {
    sensor::InterfaceOptions options;
    options.name = kVethReceiver;
    const auto capture = sensor::OpenCaptureInterface(options);
    CT_CHECK(capture.ok());
    const auto begin = Clock::now();
    std::thread sender([&frames] { SendFrames(frames, kVethPackets); });
    const auto take = [&](const sensor::Frame& frame) {
      ++counts.taken;
      return sink(frame);
    };
    const auto is_missing = [&] {
      counts.dropped = (*capture)->kernel_drops().ring_full;
      // A frame that is neither seen nor counted as dropped must not hold us up.
      CT_CHECK(SecondsSince(begin) < kVethSecondsMax);
      return counts.taken + counts.dropped < kVethPackets;
    };
    CT_CHECK((*capture)->Run(take, is_missing).ok());
    counts.seconds = SecondsSince(begin);
    sender.join();
  });
  CT_CHECK(counts.taken + counts.dropped == kVethPackets);
  return counts;
}

// For a sink made anew for each run by `make_sink`.
template <typename MakeSink>
void MeasureVeth(benchmark::State& state, MakeSink make_sink) {
  const std::vector<std::string> frames = MakeFrames();
  VethCounts sum;
  for (auto _ : state) {
    const auto sink = make_sink();
    const VethCounts counts = RunVeth(frames, [&sink](const sensor::Frame& frame) {
      sink->Take(frame);
      return true;
    });
    state.SetIterationTime(counts.seconds);
    sum.taken += counts.taken;
    sum.dropped += counts.dropped;
  }
  state.SetItemsProcessed(static_cast<int64_t>(sum.taken));
  state.counters["dropped_share"] =
      static_cast<double>(sum.dropped) / static_cast<double>(sum.taken + sum.dropped);
}

// Yardstick: frames are captured, and nobody looks at them.
void VethCaptureOnly(benchmark::State& state) {
  struct Nobody {
    void Take(const sensor::Frame&) {}
  };
  MeasureVeth(state, [] { return std::make_unique<Nobody>(); });
}

void VethDecode(benchmark::State& state) {
  MeasureVeth(state, [] {
    return std::make_unique<sensor::Pipeline>(sensor::PipelineOptions{},
                                              [](const v1::PacketBatch&) {});
  });
  state.SetLabel("yardstick:VethCaptureOnly");
}

BENCHMARK(ReadOnly)->ArgName("ip")->Arg(4)->Arg(6)->Unit(benchmark::kMillisecond);
BENCHMARK(Decode)->ArgName("ip")->Arg(4)->Arg(6)->Unit(benchmark::kMillisecond);
BENCHMARK(ToServer)->ArgName("ip")->Arg(4)->Arg(6)->UseManualTime()->Iterations(2)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace conntrack::bench

int main(int argc, char** argv) {
  using namespace conntrack::bench;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  if (const std::string reason = WhyNoVeth(); reason.empty()) {
    benchmark::RegisterBenchmark("VethCaptureOnly", VethCaptureOnly)
        ->UseManualTime()
        ->Iterations(2);
    benchmark::RegisterBenchmark("VethDecode", VethDecode)->UseManualTime()->Iterations(2);
  } else {
    std::fprintf(stderr, "left out: Veth*, which needs a network namespace: %s\n", reason.c_str());
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
