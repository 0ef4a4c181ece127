// What ingest carries: a client process with prefilled columns -> gRPC -> the
// tracker with its connections open, beside a server that does nothing with what
// it reads (Noop).
//
// Names say how the client connects (0 TCP on loopback, 1 Unix socket), whether
// over TLS, the packets in a batch, and the streams. A stream feeds a zone of its
// own with its share of the connections. All batches are filled anew for each
// run, outside the clock, so that sequence numbers advance as they must.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/server.h"
#include "server/tracker/check.h"
#include "tests/bench/columns.h"
#include "tests/bench/cpu_time.h"
#include "tests/bench/noop_server.h"
#include "tests/bench/prefilled.h"
#include "tests/bench/sender.h"
#include "tests/bench/workload.h"
#include "tests/testing/certificates.h"
#include "tests/testing/child_process.h"

namespace conntrack::bench {
namespace {

constexpr uint32_t kConnections = 1'000'000;
// Packets of one run between two looks at the clock, and of the run before it,
// which does not count.
constexpr size_t kRun = 4'194'304;
constexpr size_t kWarmup = 262'144;
// A packet takes 32 bytes; the rest is for what is around those of a batch.
constexpr size_t kBytesMax = kRun * 34;

using Clock = std::chrono::steady_clock;

struct Transport {
  bool unix_socket;
  bool tls;
  size_t batch_packets;
  size_t streams;
};

Transport TransportOf(const benchmark::State& state) {
  return {state.range(0) != 0, state.range(1) != 0, static_cast<size_t>(state.range(2)),
          static_cast<size_t>(state.range(3))};
}

// Of all benchmarks; making them takes seconds.
const testing::Certificates& Certificates() {
  static const testing::Certificates certificates;
  return certificates;
}

std::string ListenText(const Transport& transport) {
  if (!transport.unix_socket) return "127.0.0.1:0";
  return "unix:/tmp/ingest_bench." + std::to_string(getpid()) + ".sock";
}

// The client process and what it sends.
class Client {
 public:
  Client(const Transport& transport, int port)
      : transport_(transport),
        prefilled_(kBytesMax),
        next_sequence_(transport.streams, 1),
        packets_(transport.batch_packets) {
    WorkloadOptions options;
    options.connections = kConnections / static_cast<uint32_t>(transport.streams);
    for (size_t i = 0; i < transport.streams; ++i) workloads_.emplace_back(options);
    const std::string address =
        transport.unix_socket ? ListenText(transport) : "127.0.0.1:" + std::to_string(port);
    std::vector<std::string> arguments = {kSendArgument, prefilled_.path(), address};
    if (transport.tls) arguments.push_back(Certificates().path("ca.pem"));
    process_.emplace(std::filesystem::read_symlink("/proc/self/exe"), arguments);
  }

  ~Client() {
    prefilled_.GiveTurnToSender(true);
    CT_CHECK(process_->Wait() == 0);
  }

  std::vector<Workload>& workloads() { return workloads_; }

  // Fills that many packets into batches, which the process takes.
  void Fill(size_t packets) {
    prefilled_.Clear();
    for (size_t stream = 0; stream < workloads_.size(); ++stream) {
      prefilled_.NextStream();
      for (size_t i = 0; i < packets / workloads_.size(); i += packets_.size()) {
        workloads_[stream].Fill(packets_);
        v1::IngestRequest request;
        request.mutable_batch()->set_sequence(next_sequence_[stream]++);
        *request.mutable_batch()->mutable_packets() = ToColumns(packets_);
        prefilled_.Append(request.SerializeAsString());
      }
    }
    prefilled_.GiveTurnToSender();
    prefilled_.WaitForSender();
  }

  // Sends them all and waits for the acknowledgements. Returns seconds.
  double Send() {
    const auto begin = Clock::now();
    prefilled_.GiveTurnToSender();
    prefilled_.WaitForSender();
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  // What the last Send cost the process.
  int64_t cpu_ns() const { return prefilled_.cpu_ns(); }

 private:
  const Transport transport_;
  Prefilled prefilled_;
  std::vector<Workload> workloads_;
  std::vector<uint64_t> next_sequence_;
  std::vector<Packet> packets_;
  std::optional<testing::ChildProcess> process_;
};

// Runs the client against the server of this process. Returns how many packets it
// sent.
uint64_t Measure(benchmark::State& state, Client* client) {
  client->Fill(kWarmup);
  client->Send();
  uint64_t sent = kWarmup;
  int64_t server_cpu_ns = 0;
  int64_t client_cpu_ns = 0;
  for (auto _ : state) {
    client->Fill(kRun);
    const int64_t before = CpuTimeNs();
    state.SetIterationTime(client->Send());
    server_cpu_ns += CpuTimeNs() - before;
    client_cpu_ns += client->cpu_ns();
    sent += kRun;
  }
  const auto packets = static_cast<double>(sent - kWarmup);
  state.SetItemsProcessed(static_cast<int64_t>(packets));
  state.counters["server_cpu_ns"] = static_cast<double>(server_cpu_ns) / packets;
  state.counters["client_cpu_ns"] = static_cast<double>(client_cpu_ns) / packets;
  return sent;
}

// Yardstick.
void Noop(benchmark::State& state) {
  const Transport transport = TransportOf(state);
  NoopServer server(ListenText(transport), transport.tls ? Certificates().ServerCredentials(false)
                                                         : grpc::InsecureServerCredentials());
  Client client(transport, server.port());
  const uint64_t sent = Measure(state, &client);
  CT_CHECK(server.packets() == sent);
}

ServerConfig ConfigOf(const Transport& transport) {
  ServerConfig config;
  config.listen = ListenText(transport);
  config.metrics_listen = "";
  config.zone_defaults.connections_max = kConnections;
  if (transport.tls) {
    config.tls.cert = Certificates().path("server.pem");
    config.tls.key = Certificates().path("server.key");
  }
  return config;
}

uint64_t Accepted(Server* server, size_t zones) {
  uint64_t accepted = 0;
  for (size_t zone = 0; zone < zones; ++zone) {
    accepted += server->tracker()
                    .zone(static_cast<ZoneIndex>(zone))
                    .packets[static_cast<size_t>(VerdictKind::kEstablished)]
                    .load();
  }
  return accepted;
}

void Ingest(benchmark::State& state) {
  const Transport transport = TransportOf(state);
  const ServerConfig config = ConfigOf(transport);
  auto started = Server::Start(config);
  CT_CHECK(started.ok());
  Server* const server = started->get();
  Client client(transport, server->port());
  for (size_t i = 0; i < transport.streams; ++i) {
    const auto zone = server->tracker().OpenZone(static_cast<uint32_t>(i), ZoneClock::kServer,
                                                 config.zone_defaults);
    CT_CHECK(zone.ok());
    OpenConnections(&client.workloads()[i], &server->tracker(), *zone, server->clock().Now());
  }
  const uint64_t before = Accepted(server, transport.streams);
  const uint64_t sent = Measure(state, &client);
  // Every packet was accepted, and counted once.
  CT_CHECK(Accepted(server, transport.streams) - before == sent);
  uint64_t applied = 0;
  for (const SensorRegistry::Row& row : server->sensors().List()) {
    applied += row.sensor->applied_packets;
  }
  CT_CHECK(applied == sent);
  state.SetLabel(absl::StrCat("yardstick:Noop/unix:", state.range(0), "/tls:", state.range(1),
                              "/batch:", state.range(2), "/streams:", state.range(3)));
}

void Transports(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"unix", "tls", "batch", "streams"})->UseManualTime()->Iterations(2);
  for (const int unix_socket : {0, 1}) {
    for (const int tls : {0, 1}) {
      for (const int batch : {64, 512, 4096}) benchmark->Args({unix_socket, tls, batch, 1});
    }
    for (const int batch : {64, 512, 4096}) benchmark->Args({unix_socket, 0, batch, 2});
  }
}

BENCHMARK(Noop)->Apply(Transports);
BENCHMARK(Ingest)->Apply(Transports);

}  // namespace
}  // namespace conntrack::bench

int main(int argc, char** argv) {
  using conntrack::bench::kSendArgument;
  if (argc >= 4 && std::strcmp(argv[1], kSendArgument) == 0) {
    return conntrack::bench::RunSender(argv[2], {argv[3], argc > 4 ? argv[4] : ""});
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
