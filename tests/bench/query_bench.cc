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
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "conntrack/v1/connection_service.grpc.pb.h"
#include "server/connection_service.h"
#include "server/convert_connection.h"
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

using NoopMethods = v1::ConnectionService::WithRawCallbackMethod_ListConnections<
    v1::ConnectionService::WithCallbackMethod_GetConnection<v1::ConnectionService::Service>>;

// Yardstick: answers what it was given.
class NoopService final : public NoopMethods {
 public:
  grpc::ByteBuffer page;
  v1::GetConnectionResponse connection;

  grpc::ServerUnaryReactor* ListConnections(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* /*request*/,
                                            grpc::ByteBuffer* response) override {
    *response = page;
    return Done(context);
  }
  grpc::ServerUnaryReactor* GetConnection(grpc::CallbackServerContext* context,
                                          const v1::GetConnectionRequest* /*request*/,
                                          v1::GetConnectionResponse* response) override {
    *response = connection;
    return Done(context);
  }

 private:
  static grpc::ServerUnaryReactor* Done(grpc::CallbackServerContext* context) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// A server on a port of its own, and its client.
class Served {
 public:
  explicit Served(grpc::Service* service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    CT_CHECK(server_ != nullptr);
    const auto channel =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    stub_ = v1::ConnectionService::NewStub(channel);
    generic_ = std::make_unique<grpc::GenericStub>(channel);
  }
  ~Served() { server_->Shutdown(); }

  v1::ConnectionService::Stub& stub() { return *stub_; }
  grpc::GenericStub& generic() { return *generic_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ConnectionService::Stub> stub_;
  std::unique_ptr<grpc::GenericStub> generic_;
};

// A tracker full of connections behind a server. One at a time: each takes
// gigabytes.
class Loaded {
 public:
  static Loaded& With(int64_t connections) {
    if (loaded_ == nullptr || loaded_->workload_.connections() != connections) {
      loaded_.reset();
      loaded_.reset(new Loaded(static_cast<uint32_t>(connections)));
    }
    return *loaded_;
  }
  static void Unload() { loaded_.reset(); }

  Tracker& tracker() { return *tracker_; }
  PacedIngest& ingest() { return *ingest_; }
  const SensorRegistry& sensors() const { return sensors_; }
  Served& served() { return *served_; }
  NoopService& noop() { return noop_; }
  Served& noop_served() { return noop_served_; }

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
    service_ = std::make_unique<ConnectionService>(ConnectionServiceOptions(), tracker_.get(),
                                                   &sensors_, &clock_);
    served_ = std::make_unique<Served>(service_.get());
  }

  static inline std::unique_ptr<Loaded> loaded_;

  Workload workload_;
  std::unique_ptr<Tracker> tracker_;
  SensorRegistry sensors_;
  ServerClock clock_;
  std::unique_ptr<PacedIngest> ingest_;
  std::unique_ptr<ConnectionService> service_;
  std::unique_ptr<Served> served_;
  NoopService noop_;
  Served noop_served_{&noop_};
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
    state_.counters["ingest_cpu_ns"] = ingest_->cpu_ns();
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

constexpr char kNothing[] = "original.destination_port = 1";

// A filter over every connection, in this process.
void ScanNothing(benchmark::State& state) {
  Loaded& loaded = Loaded::With(state.range(0));
  const absl::StatusOr<Filter> filter = Filter::Compile(kNothing, FilterOptions());
  CT_CHECK(filter.ok());
  const ScanStepOptions step{.server_now = kNow, .filter = &*filter, .places_max = 512};
  for (auto _ : state) {
    ScanPosition position;
    uint64_t matches = 0;
    const auto visit = [&](const ConnectionRef&, Time) { ++matches; };
    while (loaded.tracker().Scan(&position, step, visit).more) {
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

v1::ListConnectionsRequest FirstPage() {
  v1::ListConnectionsRequest request;
  request.set_page_size(kPageSize);
  return request;
}

grpc::ByteBuffer ListPage(Served* served, const v1::ListConnectionsRequest& request) {
  return Call(&served->generic(), "/conntrack.v1.ConnectionService/ListConnections", request);
}

// Every connection, page by page, to a client that counts them.
void List(benchmark::State& state, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  BesideIngest beside(&state, &loaded, ingest);
  uint64_t bytes = 0;
  for (auto _ : state) {
    v1::ListConnectionsRequest request = FirstPage();
    int64_t listed = 0;
    do {
      grpc::ByteBuffer answer = ListPage(&loaded.served(), request);
      bytes += answer.Length();
      const PageShape page = ShapeOf(&answer);
      listed += page.connections;
      request.set_page_token(page.next_page_token);
    } while (!request.page_token().empty());
    CT_CHECK(listed == state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["bytes_per_connection"] =
      static_cast<double>(bytes) / static_cast<double>(state.iterations() * state.range(0));
}

// The same to a client that makes messages of them.
void ListParsed(benchmark::State& state) {
  Loaded& loaded = Loaded::With(state.range(0));
  for (auto _ : state) {
    v1::ListConnectionsRequest request = FirstPage();
    int64_t listed = 0;
    do {
      grpc::ClientContext context;
      google::protobuf::Arena arena;
      auto* page = google::protobuf::Arena::CreateMessage<v1::ListConnectionsResponse>(&arena);
      CT_CHECK(loaded.served().stub().ListConnections(&context, request, page).ok());
      listed += page->connections_size();
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    CT_CHECK(listed == state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Yardstick: pages of the same size, made before.
void ListNoop(benchmark::State& state) {
  Loaded& loaded = Loaded::With(state.range(0));
  loaded.noop().page = ListPage(&loaded.served(), FirstPage());
  for (auto _ : state) {
    for (int64_t listed = 0; listed < state.range(0);) {
      grpc::ByteBuffer answer = ListPage(&loaded.noop_served(), FirstPage());
      const PageShape page = ShapeOf(&answer);
      CT_CHECK(page.connections > 0);
      listed += page.connections;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

v1::CountConnectionsResponse CallCount(Loaded* loaded, const v1::CountConnectionsRequest& request) {
  grpc::ClientContext context;
  v1::CountConnectionsResponse response;
  CT_CHECK(loaded->served().stub().CountConnections(&context, request, &response).ok());
  return response;
}

// A filter that matches nothing, asked through gRPC.
void CountNothing(benchmark::State& state, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  BesideIngest beside(&state, &loaded, ingest);
  v1::CountConnectionsRequest request;
  request.set_filter(kNothing);
  for (auto _ : state) CT_CHECK(CallCount(&loaded, request).count() == 0);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Groups of two fields, and the sum of all that is in the answer.
void CountGroups(benchmark::State& state, const char* first, const char* second, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  BesideIngest beside(&state, &loaded, ingest);
  v1::CountConnectionsRequest request;
  request.add_group_by(first);
  request.add_group_by(second);
  uint64_t groups = 0;
  for (auto _ : state) {
    const v1::CountConnectionsResponse response = CallCount(&loaded, request);
    uint64_t sum = response.other().connections();
    for (const v1::ConnectionGroup& group : response.groups()) sum += group.connections();
    CT_CHECK(sum == static_cast<uint64_t>(state.range(0)) && sum == response.count());
    groups = response.other_groups() + static_cast<uint64_t>(response.groups_size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["groups"] = static_cast<double>(groups);
}

// Requests for connections that exist, by tuple or by id.
std::vector<v1::GetConnectionRequest> Keys(Loaded* loaded, bool by_id) {
  ScanPosition position;
  Random random(7);
  std::vector<v1::GetConnectionRequest> keys;
  const WireContext wire{&loaded->sensors(), loaded->tracker().options().slot_count};
  while (keys.size() < 4096) {
    position = {random.Below(wire.slot_count), random.Below(1024)};
    ScanStepOptions step{.server_now = kNow};
    step.visits_max = 1;
    loaded->tracker().Scan(&position, step, [&](const ConnectionRef& connection, Time now) {
      v1::Connection message;
      ToWire(connection, now, wire, &message);
      v1::GetConnectionRequest request;
      if (by_id) {
        request.set_id(message.id());
      } else {
        request.mutable_tuple()->set_protocol(message.protocol());
        *request.mutable_tuple()->mutable_tuple() = message.reply();
      }
      keys.push_back(request);
    });
  }
  return keys;
}

void GetOf(benchmark::State& state, Loaded* loaded, Served* served, bool by_id, bool ingest) {
  const std::vector<v1::GetConnectionRequest> keys = Keys(loaded, by_id);
  std::vector<double> seconds;
  BesideIngest beside(&state, loaded, ingest);
  for (auto _ : state) {
    const auto begin = Clock::now();
    grpc::ClientContext context;
    v1::GetConnectionResponse response;
    CT_CHECK(
        served->stub().GetConnection(&context, keys[seconds.size() % keys.size()], &response).ok());
    CT_CHECK(response.connection().id() != 0);
    seconds.push_back(SecondsSince(begin));
  }
  AddLatencies(std::move(seconds), &state);
}

void Get(benchmark::State& state, bool by_id, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  GetOf(state, &loaded, &loaded.served(), by_id, ingest);
}

// Yardstick: a call that looks nothing up.
void GetNoop(benchmark::State& state, bool ingest) {
  Loaded& loaded = Loaded::With(state.range(0));
  loaded.noop().connection.mutable_connection()->set_id(1);
  GetOf(state, &loaded, &loaded.noop_served(), false, ingest);
}

// For how long a scan's steps hold a slot's lock: a clock around each.
void StepTimes(benchmark::State& state, const ScanStepOptions& step, ScanVisit visit) {
  Loaded& loaded = Loaded::With(state.range(0));
  std::vector<double> seconds;
  ScanPosition position;
  for (auto _ : state) {
    const auto begin = Clock::now();
    if (!loaded.tracker().Scan(&position, step, visit).more) position = {};
    seconds.push_back(SecondsSince(begin));
  }
  state.counters["max_us"] = 1e6 * *std::max_element(seconds.begin(), seconds.end());
  AddLatencies(std::move(seconds), &state);
}

void ListStep(benchmark::State& state) {
  Loaded& loaded = Loaded::With(state.range(0));
  const WireContext wire{&loaded.sensors(), loaded.tracker().options().slot_count};
  std::array<char, kConnectionRoom> room;
  StepTimes(state, {.server_now = kNow, .places_max = 1024, .visits_max = 32},
            [&](const ConnectionRef& connection, Time now) {
              WireWriter writer(room.data());
              WriteConnection(connection, now, wire, &writer);
            });
}

void FilterStep(benchmark::State& state, const std::string& text, size_t places) {
  const absl::StatusOr<Filter> filter = Filter::Compile(text, FilterOptions());
  CT_CHECK(filter.ok());
  StepTimes(state, {.server_now = kNow, .filter = &*filter, .places_max = places},
            [](const ConnectionRef&, Time) { CT_CHECK(false); });
}

// As many tests as a filter may have, on two lines of each record.
std::string LongestFilter() {
  std::string text;
  for (size_t i = 0; i < kFilterTestsMax; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " OR ", i % 2 == 0 ? "mark=" : "packets=", 9000 + i);
  }
  return text;
}

// What ingest keeps of its pace when nobody asks.
void IngestAlone(benchmark::State& state) {
  Loaded& loaded = Loaded::With(state.range(0));
  double kept = 1;
  for (auto _ : state) {
    kept = std::min(kept, loaded.ingest().RunAlone(kShare, std::chrono::seconds(1)));
  }
  state.counters["ingest_kept"] = kept;
  state.counters["ingest_max"] = loaded.ingest().packets_per_second_max();
  state.counters["ingest_cpu_ns"] = loaded.ingest().cpu_ns();
}

template <typename Run>
void Add(const std::string& name, int64_t connections, const char* yardstick, Run run) {
  const auto labelled = [=](benchmark::State& state) {
    run(state);
    if (*yardstick == '\0') return;
    state.SetLabel(absl::StrCat("yardstick:", yardstick, "/connections:", connections,
                                "/process_time/real_time"));
  };
  benchmark::RegisterBenchmark(name.c_str(), labelled)
      ->ArgName("connections")
      ->Arg(connections)
      ->Unit(benchmark::kMicrosecond)
      ->MeasureProcessCPUTime()
      ->UseRealTime();
}

void AddAll(int64_t connections) {
  using State = benchmark::State;
  Add("RecordLines", connections, "", RecordLines);
  Add("ScanNothing", connections, "RecordLines", ScanNothing);
  Add("CountNothing", connections, "RecordLines", [](State& s) { CountNothing(s, false); });
  Add("CountGroups/network_and_port", connections, "",
      [](State& s) { CountGroups(s, "original.destination/24", "reply.source_port", false); });
  Add("CountGroups/source_and_state", connections, "",
      [](State& s) { CountGroups(s, "original.source", "state", false); });
  Add("ListNoop", connections, "", ListNoop);
  Add("List", connections, "ListNoop", [](State& s) { List(s, false); });
  Add("ListParsed", connections, "ListNoop", ListParsed);
  Add("GetNoop", connections, "", [](State& s) { GetNoop(s, false); });
  Add("Get/tuple", connections, "GetNoop", [](State& s) { Get(s, false, false); });
  Add("Get/id", connections, "GetNoop", [](State& s) { Get(s, true, false); });
  Add("Step/list", connections, "", ListStep);
  Add("Step/filter", connections, "", [](State& s) { FilterStep(s, kNothing, 512); });
  Add("Step/longest_filter", connections, "", [](State& s) { FilterStep(s, LongestFilter(), 1); });
  Add("Ingest/alone", connections, "", IngestAlone);
  Add("Ingest/CountNothing", connections, "CountNothing", [](State& s) { CountNothing(s, true); });
  Add("Ingest/CountGroups", connections, "CountGroups/network_and_port",
      [](State& s) { CountGroups(s, "original.destination/24", "reply.source_port", true); });
  Add("Ingest/List", connections, "List", [](State& s) { List(s, true); });
  Add("Ingest/GetNoop", connections, "", [](State& s) { GetNoop(s, true); });
  Add("Ingest/Get", connections, "Ingest/GetNoop", [](State& s) { Get(s, false, true); });
}

}  // namespace
}  // namespace conntrack::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  // Each size is loaded once.
  for (const int64_t connections : {1'000'000, 10'000'000}) {
    conntrack::bench::AddAll(connections);
  }
  benchmark::RunSpecifiedBenchmarks();
  conntrack::bench::Loaded::Unload();
  return 0;
}
