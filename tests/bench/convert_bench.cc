// What the columns of a batch cost on their way from bytes to the tracker's
// packets: parsed, and then checked and converted; beside the copying of as many
// bytes.
#include <benchmark/benchmark.h>
#include <google/protobuf/arena.h>

#include <cstring>
#include <string>
#include <vector>

#include "conntrack/v1/ingest_service.pb.h"
#include "server/convert_packets.h"
#include "server/tracker/check.h"
#include "tests/bench/columns.h"
#include "tests/bench/workload.h"

namespace conntrack::bench {
namespace {

std::vector<Packet> MakePackets(const benchmark::State& state) {
  WorkloadOptions options;
  options.connections = 10'000;
  options.family = state.range(0) == 4 ? Family::kIpv4 : Family::kIpv6;
  Workload workload(options);
  std::vector<Packet> packets(static_cast<size_t>(state.range(1)));
  workload.Fill(packets);
  return packets;
}

std::string MakeMessage(const benchmark::State& state) {
  v1::IngestRequest request;
  request.mutable_batch()->set_sequence(1);
  *request.mutable_batch()->mutable_packets() = ToColumns(MakePackets(state));
  return request.SerializeAsString();
}

void SetLabel(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(1));
  state.SetLabel("yardstick:Copy/ip:" + std::to_string(state.range(0)) +
                 "/batch:" + std::to_string(state.range(1)));
}

// Yardstick: the bytes of a message copied.
void Copy(benchmark::State& state) {
  const std::string message = MakeMessage(state);
  std::string copy(message.size(), '\0');
  for (auto _ : state) {
    std::memcpy(copy.data(), message.data(), message.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

void Parse(benchmark::State& state) {
  const std::string message = MakeMessage(state);
  std::vector<char> block(512u << 10);
  google::protobuf::ArenaOptions options;
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  for (auto _ : state) {
    google::protobuf::Arena arena(options);
    auto* const request = google::protobuf::Arena::CreateMessage<v1::IngestRequest>(&arena);
    CT_CHECK(request->ParseFromArray(message.data(), static_cast<int>(message.size())));
    benchmark::DoNotOptimize(request);
  }
  SetLabel(state);
}

void Convert(benchmark::State& state) {
  const std::vector<Packet> packets = MakePackets(state);
  const v1::PacketBatch batch = ToColumns(packets);
  PacketReader reader;
  for (auto _ : state) {
    reader.Clear();
    CT_CHECK(!reader.Append(batch, 4096).has_value());
    benchmark::DoNotOptimize(reader.packets().data());
    benchmark::ClobberMemory();
  }
  CT_CHECK(reader.packets().size() == packets.size());
  for (size_t i = 0; i < packets.size(); ++i) {
    CT_CHECK(reader.packets()[i].source == packets[i].source);
    CT_CHECK(reader.packets()[i].payload_length == packets[i].payload_length);
  }
  SetLabel(state);
}

BENCHMARK(Copy)->ArgNames({"ip", "batch"})->ArgsProduct({{4, 6}, {64, 4096}});
BENCHMARK(Parse)->ArgNames({"ip", "batch"})->ArgsProduct({{4, 6}, {64, 4096}});
BENCHMARK(Convert)->ArgNames({"ip", "batch"})->ArgsProduct({{4, 6}, {64, 4096}});

}  // namespace
}  // namespace conntrack::bench
