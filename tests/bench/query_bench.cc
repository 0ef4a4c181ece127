// What queries cost: listing, counting, filters and lookups at 1 M and 10 M
// connections, through gRPC where users see them so, and what they take from an
// ingest that runs at half of what the tracker can take.
//
// A yardstick of bytes: one line of each record read. A yardstick of calls: a
// server that does nothing and answers with what was made before.
#include <benchmark/benchmark.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "conntrack/v1/connection_service.grpc.pb.h"
#include "server/connection_service.h"
#include "server/tracker/check.h"
#include "server/tracker/tracker.h"
#include "tests/bench/paced_ingest.h"
#include "tests/bench/workload.h"

namespace conntrack::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int32_t kPageSize = 10'000;
// The share of its maximum at which ingest runs beside queries.
constexpr double kShare = 0.5;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A tracker full of connections behind a server. One at a time: each takes
// gigabytes.
class Loaded {
 public:
  static Loaded& With(int64_t connections) {
    static std::unique_ptr<Loaded> loaded;
    if (loaded == nullptr || loaded->workload_.connections() != connections) {
      loaded.reset();
      loaded.reset(new Loaded(static_cast<uint32_t>(connections)));
    }
    return *loaded;
  }
  ~Loaded() { server_->Shutdown(); }

  Tracker& tracker() { return *tracker_; }
  Workload& workload() { return workload_; }
  PacedIngest& ingest() { return *ingest_; }
  v1::ConnectionService::Stub& stub() { return *stub_; }
  grpc::GenericStub& generic() { return *generic_; }

 private:
  explicit Loaded(uint32_t connections)
      : workload_(WorkloadOptions{.connections = connections}), sensors_(16) {
    TrackerOptions options;
    options.slot_hash_seed = 0x5EED;
    options.table_secret = 0x5EC2E7;
    options.event_bytes_max = 16u << 20;
    options.zone_settings.connections_max = connections;
    tracker_ = std::make_unique<Tracker>(options);
    // On the time of its packets, so that nothing expires.
    CT_CHECK(tracker_->OpenZone(0, ZoneClock::kPacket, options.zone_settings).ok());
    CT_CHECK(sensors_.Open("edge-0", {"session", 0, ""}, 1, 0).ok());
    OpenConnections(&workload_, tracker_.get(), 0, kNow);
    ingest_ = std::make_unique<PacedIngest>(tracker_.get(), &workload_);
    service_ = std::make_unique<ConnectionService>(tracker_.get(), &sensors_, &clock_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    CT_CHECK(server_ != nullptr);
    const auto channel =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    stub_ = v1::ConnectionService::NewStub(channel);
    generic_ = std::make_unique<grpc::GenericStub>(channel);
  }

  Workload workload_;
  std::unique_ptr<Tracker> tracker_;
  SensorRegistry sensors_;
  ServerClock clock_;
  std::unique_ptr<PacedIngest> ingest_;
  std::unique_ptr<ConnectionService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ConnectionService::Stub> stub_;
  std::unique_ptr<grpc::GenericStub> generic_;
};

// Runs paced ingest beside the benchmark if asked to, and says how it fared.
class BesideIngest {
 public:
  BesideIngest(benchmark::State* state, Loaded* loaded, bool wanted)
      : state_(*state), ingest_(wanted ? &loaded->ingest() : nullptr) {
    if (ingest_ != nullptr) ingest_->Start(kShare);
  }
  ~BesideIngest() {
    if (ingest_ == nullptr) return;
    state_.counters["ingest_kept"] = ingest_->Stop();
    state_.counters["ingest_max"] = ingest_->packets_per_second_max();
  }

 private:
  benchmark::State& state_;
  PacedIngest* const ingest_;
};

void AddLatencies(std::vector<double> seconds, benchmark::State* state) {
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    return 1e6 * seconds[static_cast<size_t>(share * static_cast<double>(seconds.size() - 1))];
  };
  state->counters["p50_us"] = at(0.5);
  state->counters["p99_us"] = at(0.99);
  state->counters["p999_us"] = at(0.999);
}

// Yardstick: one line of each record read, records as large as the tracker's.
void RecordLines(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Memory memory;
  auto* const records = static_cast<Record*>(memory.Allocate(count * sizeof(Record)));
  std::fill_n(records, count, Record{});
  for (auto _ : state) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum += records[i].ports;
    benchmark::DoNotOptimize(sum);
  }
  memory.Free(records, count * sizeof(Record));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// A filter over every connection, in this process.
void Scan(benchmark::State& state, const char* text, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  Tracker& tracker = loaded.tracker();
  FilterOptions filter_options;
  filter_options.slot_count = tracker.options().slot_count;
  const auto filter = Filter::Compile(text, filter_options);
  CT_CHECK(filter.ok());
  BesideIngest beside(&state, &loaded, ingest);
  for (auto _ : state) {
    ScanPosition position;
    const ScanStepOptions step{.server_now = kNow, .filter = &*filter, .places_max = 1024};
    uint64_t matches = 0;
    const auto visit = [&](const ConnectionRef&, Time) {
      ++matches;
      return true;
    };
    while (tracker.Scan(&position, step, visit).more) {
    }
    CT_CHECK(matches == 0);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// How many connections an answer has, read from the wire: a client that does
// not parse leaves the cores to the server.
struct PageShape {
  int64_t connections = 0;
  std::string next_page_token;
};

PageShape ShapeOf(grpc::ByteBuffer* buffer) {
  grpc::ProtoBufferReader reader(buffer);
  google::protobuf::io::CodedInputStream in(&reader);
  PageShape shape;
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t length = 0;
    CT_CHECK(in.ReadVarint32(&length));
    if (tag >> 3 == v1::ListConnectionsResponse::kConnectionsFieldNumber) {
      CT_CHECK(in.Skip(static_cast<int>(length)));
      ++shape.connections;
    } else {
      CT_CHECK(in.ReadString(&shape.next_page_token, static_cast<int>(length)));
    }
  }
  return shape;
}

grpc::ByteBuffer Call(grpc::GenericStub* stub, const std::string& method,
                      const google::protobuf::Message& request) {
  grpc::ByteBuffer bytes;
  bool own = false;
  CT_CHECK((grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(request,
                                                                                       &bytes, &own)
                .ok()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub->PrepareUnaryCall(&context, method, bytes, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  CT_CHECK(queue.Next(&tag, &ok) && ok);
  CT_CHECK(status.ok());
  return answer;
}

// Every connection, page by page.
void List(benchmark::State& state, bool parse, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  BesideIngest beside(&state, &loaded, ingest);
  for (auto _ : state) {
    v1::ListConnectionsRequest request;
    request.set_page_size(kPageSize);
    int64_t listed = 0;
    do {
      if (parse) {
        grpc::ClientContext context;
        google::protobuf::Arena arena;
        auto* page = google::protobuf::Arena::CreateMessage<v1::ListConnectionsResponse>(&arena);
        CT_CHECK(loaded.stub().ListConnections(&context, request, page).ok());
        listed += page->connections_size();
        request.set_page_token(page->next_page_token());
      } else {
        grpc::ByteBuffer answer =
            Call(&loaded.generic(), "/conntrack.v1.ConnectionService/ListConnections", request);
        const PageShape page = ShapeOf(&answer);
        listed += page.connections;
        request.set_page_token(page.next_page_token);
      }
    } while (!request.page_token().empty());
    CT_CHECK(listed == state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Count(benchmark::State& state, const char* filter, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  BesideIngest beside(&state, &loaded, ingest);
  for (auto _ : state) {
    grpc::ClientContext context;
    v1::CountConnectionsRequest request;
    request.set_filter(filter);
    v1::CountConnectionsResponse response;
    CT_CHECK(loaded.stub().CountConnections(&context, request, &response).ok());
    CT_CHECK(response.count() == (*filter == '\0' ? static_cast<uint64_t>(state.range(0)) : 0u));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

constexpr char kNothing[] = "original.destination_port = 1";

void ScanNothing(benchmark::State& state) { Scan(state, kNothing, false); }
void ListPages(benchmark::State& state) { List(state, false, false); }
void ListParsed(benchmark::State& state) { List(state, true, false); }
void CountNothing(benchmark::State& state) { Count(state, kNothing, false); }
void CountNothingBesideIngest(benchmark::State& state) { Count(state, kNothing, true); }
void ListPagesBesideIngest(benchmark::State& state) { List(state, false, true); }

BENCHMARK(RecordLines)->ArgName("connections")->Arg(1'000'000)->UseRealTime();
BENCHMARK(ScanNothing)->ArgName("connections")->Arg(1'000'000)->UseRealTime();
BENCHMARK(CountNothing)->ArgName("connections")->Arg(1'000'000)->UseRealTime();
BENCHMARK(CountNothingBesideIngest)->ArgName("connections")->Arg(1'000'000)->UseRealTime();
BENCHMARK(ListPages)->ArgName("connections")->Arg(1'000'000)->UseRealTime();
BENCHMARK(ListParsed)->ArgName("connections")->Arg(1'000'000)->UseRealTime();
BENCHMARK(ListPagesBesideIngest)->ArgName("connections")->Arg(1'000'000)->UseRealTime();

}  // namespace
}  // namespace conntrack::bench
