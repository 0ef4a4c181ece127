// What watching costs: events a second to clients over gRPC on the loopback
// interface, what that takes from ingest, and how long an event is on its way.
//
// Every packet makes an event, the worst case: a SYN opens a TCP connection
// (NEW), a RST from the other side ends it (DESTROY), 32,768 connections at a
// time. The yardstick of each is a server that sends the same number of events in
// messages that were serialized beforehand. Clients are a process of their own
// (watch_client.h), and both processes share the machine's cores.
#include <benchmark/benchmark.h>
#include <grpcpp/grpcpp.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "conntrack/v1/watch_service.grpc.pb.h"
#include "server/event_reader.h"
#include "server/grpc_metrics.h"
#include "server/resume_token.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/check.h"
#include "server/tracker/tracker.h"
#include "server/tracker/tuple.h"
#include "server/watch_service.h"
#include "tests/bench/watch_client.h"
#include "tests/bench/workload.h"

namespace conntrack::bench {
namespace {

constexpr uint32_t kConnections = 65'536;
constexpr size_t kBatchPackets = 512;
// What the server puts into a message of 512 KiB.
constexpr uint64_t kPrefilledEvents = 2450;
// A producer that waits for watchers lets them be behind by this much.
constexpr uint64_t kEventsBehindMax = 200'000;

int64_t ThreadCpuNanos() {
  timespec spent;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return spent.tv_sec * 1'000'000'000 + spent.tv_nsec;
}

Packet RefusalOf(const Packet& syn) {
  Packet rst = syn;
  std::swap(rst.source, rst.destination);
  rst.ports = PortsWord(DestinationPort(syn.ports), SourcePort(syn.ports));
  rst.tcp_flags = tcp_flag::kRst | tcp_flag::kAck;
  rst.sequence = 0;
  rst.acknowledgment = syn.sequence + 1;
  rst.window = 0;
  return rst;
}

// Packets of which each makes an event: by turns a batch that opens connections
// and one that ends those opened half a round ago.
class EventSource {
 public:
  explicit EventSource(Tracker* tracker) : tracker_(*tracker), verdicts_(kBatchPackets) {
    ZoneSettings settings;
    settings.connections_max = kConnections;
    CT_CHECK(tracker->OpenZone(0, ZoneClock::kServer, settings).ok());
    Workload workload({.connections = kConnections});
    for (uint32_t number = 0; number < kConnections; ++number) {
      syns_.push_back(workload.First(number));
      rsts_.push_back(RefusalOf(syns_.back()));
    }
    for (size_t opened = 0; opened < kConnections / 2; opened += kBatchPackets) {
      Track(&syns_, VerdictKind::kNew, clock_.Now());
      next_ += kBatchPackets;
    }
  }

  // Sends a batch whose packets were captured at `time`.
  void Make(Time time) {
    const size_t place = next_;
    if (opens_) {
      Track(&syns_, VerdictKind::kNew, time);
    } else {
      next_ = (place + kConnections / 2) % kConnections;
      Track(&rsts_, VerdictKind::kEstablished, time);
      next_ = (place + kBatchPackets) % kConnections;
    }
    opens_ = !opens_;
  }

  // How many events it made.
  uint64_t made() const { return made_; }

 private:
  void Track(std::vector<Packet>* packets, VerdictKind expected, Time time) {
    const std::span<Packet> batch(packets->data() + next_, kBatchPackets);
    for (Packet& packet : batch) packet.time = time;
    tracker_.Process({.zone = 0, .server_now = clock_.Now()}, batch, verdicts_);
    for (const Verdict& verdict : verdicts_) CT_CHECK(verdict.kind == expected);
    made_ += kBatchPackets;
  }

  Tracker& tracker_;
  const ServerClock clock_;
  std::vector<Packet> syns_;
  std::vector<Packet> rsts_;
  std::vector<Verdict> verdicts_;
  size_t next_ = 0;
  bool opens_ = true;
  uint64_t made_ = 0;
};

// A gRPC server of one service, with the metrics that the real one has, or none.
class OneService {
 public:
  OneService(grpc::Service* service, bool with_metrics) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service);
    if (with_metrics) {
      metrics_.AddService(v1::WatchService::service_full_name());
      std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> observers;
      observers.push_back(GrpcMetrics::MakeFactory(&metrics_));
      builder.experimental().SetInterceptorCreators(std::move(observers));
    }
    server_ = builder.BuildAndStart();
    CT_CHECK(server_ != nullptr);
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~OneService() { server_->Shutdown(std::chrono::system_clock::now()); }

  const std::string& address() const { return address_; }

 private:
  GrpcMetrics metrics_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TrackerOptions OptionsFor(uint64_t events) {
  TrackerOptions options;
  // As long a number as a real one.
  options.epoch = 1'700'000'000'000'000;
  options.event_bytes_max = std::max<uint64_t>(options.event_bytes_max, events * 2 * sizeof(Event));
  return options;
}

struct WatchServer {
  // With room for that many events.
  explicit WatchServer(uint64_t events = 0) : tracker(OptionsFor(events)) {}

  Tracker tracker;
  EventSource source{&tracker};
  SensorRegistry sensors{1};
  const ServerClock clock;
  WatchStats stats;
  WatchService service{{}, &tracker, &sensors, &clock, &stats};
  OneService server{&service, true};

  // Makes more events than are kept, so that no benchmark pays for fresh memory.
  void FillMemory() {
    while (tracker.Mark(0).first_retained == 1) source.Make(clock.Now());
  }

  // Makes that many events, as fast as the clients take them.
  void MakeAtTheirPace(uint64_t events, uint32_t clients) {
    const uint64_t made = source.made();
    const uint64_t sent = stats.sent_events;
    while (source.made() - made < events) {
      while (source.made() - made > (stats.sent_events - sent) / clients + kEventsBehindMax) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      source.Make(clock.Now());
      service.Notify();
    }
  }

  std::string Token() const {
    ResumeToken token{tracker.options().epoch, {}};
    for (uint32_t slot = 0; slot < tracker.options().slot_count; ++slot) {
      token.sequences.push_back(tracker.LastSequence(slot));
    }
    return EncodeResumeToken(token);
  }
};

// A message of that many events, as they are on the wire.
grpc::ByteBuffer MakePrefilled(uint64_t events) {
  WatchServer server(events);
  const WireContext wire{&server.sensors, server.tracker.options().slot_count};
  EventReader reader(&server.tracker, wire);
  while (server.source.made() < events + kConnections) server.source.Make(server.clock.Now());
  uint64_t left = events;
  EventBatchWriter batch(wire, server.tracker.options().epoch);
  for (uint32_t slot = 0; slot < wire.slot_count && left > 0; ++slot) {
    const uint64_t wanted = (left + wire.slot_count - slot - 1) / (wire.slot_count - slot);
    SlotRange range{slot, reader.next()[slot], reader.next()[slot] - 1};
    while (range.last + 1 - range.first < wanted) {
      const SlotEvents read = server.tracker.ReadEvents(slot, range.last + 1);
      CT_CHECK(read.range.count > 0);
      batch.Add(read.range[0], slot, Shown::kAsItIs);
      ++range.last;
    }
    batch.Cover(range);
    left -= wanted;
  }
  return batch.Take().bytes;
}

// A server whose answer to a watch is one message over and over.
class PrefilledService final
    : public v1::WatchService::WithRawCallbackMethod_Watch<v1::WatchService::Service> {
 public:
  explicit PrefilledService(uint64_t events) : message_(MakePrefilled(events)) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* /*context*/,
                                                    const grpc::ByteBuffer* /*request*/) override {
    return new Stream(message_);
  }

 private:
  class Stream : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
   public:
    explicit Stream(const grpc::ByteBuffer& message) : message_(message) { StartWrite(&message_); }
    void OnWriteDone(bool ok) override {
      if (ok) {
        StartWrite(&message_);
      } else {
        Finish(grpc::Status::CANCELLED);
      }
    }
    void OnDone() override { delete this; }

   private:
    const grpc::ByteBuffer message_;
  };

  const grpc::ByteBuffer message_;
};

std::string YardstickOf(const char* name, int64_t clients) {
  return absl::StrCat("yardstick:", name, "/clients:", clients, "/iterations:1/manual_time");
}

void ShowLatency(const WatchReport& report, benchmark::State* state) {
  state->counters["p50_us"] = report.p50_us;
  state->counters["p99_us"] = report.p99_us;
  state->counters["p999_us"] = report.p999_us;
}

void Show(const WatchReport& report, int64_t server_cpu_ns, benchmark::State* state) {
  const auto items = static_cast<double>(report.covered + report.lost);
  state->SetIterationTime(static_cast<double>(report.end_ns - report.begin_ns) / 1e9);
  state->SetItemsProcessed(static_cast<int64_t>(report.covered));
  state->counters["server_cpu_ns"] = static_cast<double>(server_cpu_ns) / items;
  state->counters["client_cpu_ns"] = static_cast<double>(report.cpu_ns) / items;
  state->counters["event_bytes"] = static_cast<double>(report.bytes) / items;
  state->counters["message_events"] = items / static_cast<double>(report.messages);
}

// Yardstick: the same bytes, serialized beforehand.
void Prefilled(benchmark::State& state) {
  const auto clients = static_cast<uint32_t>(state.range(0));
  PrefilledService service(kPrefilledEvents);
  const OneService server(&service, false);
  const uint64_t events = (8u << 20) / clients;
  for (auto _ : state) {
    const int64_t cpu_ns = ProcessCpuNanos();
    const WatchReport report = WatchClients({server.address(), clients, events, ""}).Wait();
    CT_CHECK(report.lost == 0);
    Show(report, ProcessCpuNanos() - cpu_ns, &state);
  }
}

// Events that the server holds, encoded and thrown away.
void Encode(benchmark::State& state) {
  constexpr uint64_t kEvents = 1u << 20;
  WatchServer server(kEvents);
  EventReader reader(&server.tracker, server.service.wire());
  const std::vector<uint64_t> begin = reader.next();
  while (server.source.made() < kEvents + kConnections / 2) server.source.Make(server.clock.Now());
  uint64_t events = 0;
  for (auto _ : state) {
    auto message = reader.Read([](uint32_t) { return UINT64_MAX; },
                               [](const Event&, uint32_t) { return Shown::kAsItIs; });
    if (message.has_value()) {
      events += message->events;
    } else {
      reader.MoveTo(begin);
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(events));
}

// Events that the server holds, sent to clients that resume before them.
void Stored(benchmark::State& state) {
  const auto clients = static_cast<uint32_t>(state.range(0));
  state.SetLabel(YardstickOf("Prefilled", clients));
  constexpr uint64_t kEvents = 4u << 20;
  WatchServer server(kEvents);
  const std::string token = server.Token();
  const uint64_t made = server.source.made();
  while (server.source.made() - made < kEvents) server.source.Make(server.clock.Now());
  for (auto _ : state) {
    const int64_t cpu_ns = ProcessCpuNanos();
    const WatchReport report =
        WatchClients({server.server.address(), clients, kEvents, token}).Wait();
    CT_CHECK(report.covered == clients * kEvents && report.lost == 0);
    Show(report, ProcessCpuNanos() - cpu_ns, &state);
  }
}

// Events as they happen: the tracker makes them as fast as all clients take them.
void Live(benchmark::State& state) {
  const auto clients = static_cast<uint32_t>(state.range(0));
  state.SetLabel(YardstickOf("Prefilled", clients));
  const uint64_t events = (8u << 20) / clients;
  WatchServer server;
  server.FillMemory();
  for (auto _ : state) {
    WatchClients watch({server.server.address(), clients, events, ""});
    const int64_t cpu_ns = ProcessCpuNanos();
    server.MakeAtTheirPace(events, clients);
    const WatchReport report = watch.Wait();
    CT_CHECK(report.covered == clients * events && report.lost == 0);
    Show(report, ProcessCpuNanos() - cpu_ns, &state);
  }
}

// What ingest keeps when it does not wait for watchers.
void Ingest(benchmark::State& state) {
  const auto clients = static_cast<uint32_t>(state.range(0));
  if (clients > 0) state.SetLabel(YardstickOf("Ingest", 0));
  const uint64_t events = 8u << 20;
  WatchServer server;
  server.FillMemory();
  for (auto _ : state) {
    std::unique_ptr<WatchClients> watch;
    if (clients > 0) {
      watch = std::make_unique<WatchClients>(
          WatchClientsOptions{server.server.address(), clients, events, ""});
    }
    const uint64_t made = server.source.made();
    const int64_t begin_ns = MonotonicNanos();
    const int64_t cpu_ns = ThreadCpuNanos();
    while (server.source.made() - made < events) {
      server.source.Make(server.clock.Now());
      server.service.Notify();
    }
    state.counters["ingest_cpu_ns"] =
        static_cast<double>(ThreadCpuNanos() - cpu_ns) / static_cast<double>(events);
    state.SetIterationTime(static_cast<double>(MonotonicNanos() - begin_ns) / 1e9);
    if (watch == nullptr) continue;
    const WatchReport report = watch->Wait();
    CT_CHECK(report.covered + report.lost == clients * events);
    state.counters["delivered"] =
        static_cast<double>(report.covered) / static_cast<double>(clients * events);
  }
  state.SetItemsProcessed(static_cast<int64_t>(events) * state.iterations());
}

// Calls tick(time) at its times, `rate` of them a second, until it returns false.
// Who is late hurries, and the time stays what it should have been.
template <typename Tick>
void Pace(double rate, Tick tick) {
  const ServerClock clock;
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t i = 0;; ++i) {
    const Duration after(static_cast<int64_t>(static_cast<double>(i) * 1e9 / rate));
    std::this_thread::sleep_until(begin + after);
    if (!tick(clock.start() + after)) return;
  }
}

// Events a second that so many clients take, each; measured once.
double MaximumRate(uint32_t clients) {
  static std::map<uint32_t, double> rates;
  double& rate = rates[clients];
  if (rate > 0) return rate;
  const uint64_t events = (8u << 20) / clients;
  WatchServer server;
  server.FillMemory();
  WatchClients watch({server.server.address(), clients, events, ""});
  server.MakeAtTheirPace(events, clients);
  const WatchReport report = watch.Wait();
  rate = static_cast<double>(events) * 1e9 / static_cast<double>(report.end_ns - report.begin_ns);
  return rate;
}

constexpr double kPacedSeconds = 3;

// From packet to client, at half of what they can take.
void Latency(benchmark::State& state) {
  const auto clients = static_cast<uint32_t>(state.range(0));
  state.SetLabel(YardstickOf("PrefilledLatency", clients));
  const double rate = MaximumRate(clients) / 2;
  const auto events = static_cast<uint64_t>(rate * kPacedSeconds) / kBatchPackets * kBatchPackets;
  WatchServer server;
  server.FillMemory();
  for (auto _ : state) {
    WatchClients watch({server.server.address(), clients, events, ""});
    const uint64_t made = server.source.made();
    const int64_t cpu_ns = ProcessCpuNanos();
    Pace(rate / kBatchPackets, [&](Time time) {
      server.source.Make(time);
      server.service.Notify();
      return server.source.made() - made < events;
    });
    const WatchReport report = watch.Wait();
    CT_CHECK(report.covered == clients * events && report.lost == 0);
    Show(report, ProcessCpuNanos() - cpu_ns, &state);
    ShowLatency(report, &state);
  }
}

// A server that sends each client messages of the same size at given times.
class PacedService final
    : public v1::WatchService::WithRawCallbackMethod_Watch<v1::WatchService::Service> {
 public:
  explicit PacedService(uint64_t events) : rest_(MakePrefilled(events - 1)) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* /*context*/,
                                                    const grpc::ByteBuffer* /*request*/) override {
    const std::lock_guard lock(mutex_);
    streams_.push_back(std::make_unique<Stream>());
    // The client waits for a first message.
    v1::WatchResponse bookmark;
    bookmark.mutable_bookmark()->set_resume_token("here");
    const grpc::Slice slice(bookmark.SerializeAsString());
    streams_.back()->Send(grpc::ByteBuffer(&slice, 1));
    return streams_.back().get();
  }

  void Send(Time time) {
    v1::WatchResponse first;
    v1::SequenceRange* range = first.mutable_events()->add_ranges();
    range->set_first_sequence(1);
    range->set_last_sequence(1);
    ToWire(time, first.mutable_events()->add_events()->mutable_time());
    // Two messages behind each other are one with the fields of both.
    std::vector<grpc::Slice> slices;
    CT_CHECK(rest_.Dump(&slices).ok());
    slices.insert(slices.begin(), grpc::Slice(first.SerializeAsString()));
    const grpc::ByteBuffer message(slices.data(), slices.size());
    const std::lock_guard lock(mutex_);
    for (const auto& stream : streams_) stream->Send(message);
  }

 private:
  class Stream : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
   public:
    void Send(const grpc::ByteBuffer& message) {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      waiting_.push_back(message);
      if (waiting_.size() == 1) StartWrite(&waiting_.front());
    }
    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(mutex_);
      waiting_.pop_front();
      if (!ok) {
        FinishOnce();
      } else if (!waiting_.empty()) {
        StartWrite(&waiting_.front());
      }
    }
    void OnCancel() override {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) FinishOnce();
    }
    void OnDone() override {}

   private:
    void FinishOnce() {
      if (!std::exchange(finished_, true)) Finish(grpc::Status::CANCELLED);
    }

    std::mutex mutex_;
    // The first is under way.
    std::deque<grpc::ByteBuffer> waiting_;
    bool finished_ = false;
  };

  const grpc::ByteBuffer rest_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

// Yardstick: as many events a second in messages serialized beforehand, but for
// the time, one each half millisecond.
void PrefilledLatency(benchmark::State& state) {
  const auto clients = static_cast<uint32_t>(state.range(0));
  constexpr double kMessages = 2000;
  const auto message_events =
      static_cast<uint64_t>(std::max(2.0, MaximumRate(clients) / 2 / kMessages));
  PacedService service(message_events);
  const OneService server(&service, false);
  for (auto _ : state) {
    const auto messages = static_cast<uint64_t>(kMessages * kPacedSeconds);
    WatchClients watch({server.address(), clients, messages * message_events, ""});
    const int64_t cpu_ns = ProcessCpuNanos();
    uint64_t sent = 0;
    Pace(kMessages, [&](Time time) {
      service.Send(time);
      return ++sent < messages;
    });
    const WatchReport report = watch.Wait();
    CT_CHECK(report.covered == clients * messages * message_events);
    Show(report, ProcessCpuNanos() - cpu_ns, &state);
    ShowLatency(report, &state);
  }
}

BENCHMARK(Prefilled)->ArgName("clients")->Arg(1)->Arg(8)->Arg(16)->UseManualTime()->Iterations(1);
BENCHMARK(Encode);
BENCHMARK(Stored)->ArgName("clients")->Arg(1)->Arg(8)->Arg(16)->UseManualTime()->Iterations(1);
BENCHMARK(Live)->ArgName("clients")->Arg(1)->Arg(8)->Arg(16)->UseManualTime()->Iterations(1);
BENCHMARK(Ingest)->ArgName("clients")->Arg(0)->Arg(1)->Arg(8)->UseManualTime()->Iterations(1);
BENCHMARK(PrefilledLatency)->ArgName("clients")->Arg(1)->Arg(8)->UseManualTime()->Iterations(1);
BENCHMARK(Latency)->ArgName("clients")->Arg(1)->Arg(8)->UseManualTime()->Iterations(1);

}  // namespace
}  // namespace conntrack::bench

int main(int argc, char** argv) {
  if (conntrack::bench::RunWatchClients(argc, argv)) return 0;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
