// The promise of Watch and Export together: while sensors, writers and the clock
// change everything, what any watcher makes of its stream is, at the sequence of
// each cut of an export, what the export says; and what it lost, it was told.
//
// CONNTRACK_TEST_EVENTS says how many events a test makes (100,000),
// CONNTRACK_TEST_STALL for how many seconds a watcher reads nothing (else none does), and
// CONNTRACK_TEST_SEED the seed. See docs/testing.md for the long runs.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "conntrack/v1/connection_service.grpc.pb.h"
#include "conntrack/v1/watch_service.grpc.pb.h"
#include "server/tracker/packet.h"
#include "tests/property/breakages.h"
#include "tests/property/replica.h"
#include "tests/testing/local_server.h"
#include "tests/testing/random.h"
#include "tests/testing/wire_sensor.h"

namespace conntrack {
namespace {

using std::chrono::steady_clock;
using testing::BatchWriter;
using testing::ExportedSlot;
using testing::LocalServer;
using testing::Random;
using testing::Replica;
using testing::WireSensor;

constexpr uint32_t kSlots = 64;
constexpr char kFilter[] = "state = ESTABLISHED OR mark = 1";

uint64_t EventsWanted() { return testing::TestCount("CONNTRACK_TEST_EVENTS", 100'000); }

// A watcher with a thread that reads.
class Watching {
 public:
  struct Options {
    std::string filter = {};
    bool snapshot = true;
    // Breaks off at bookmarks, and goes on from there.
    bool resumes = false;
    // Called before each message is read.
    std::function<void()> pace = nullptr;
    // Where messages are kept besides.
    std::vector<v1::WatchResponse>* record = nullptr;
  };

  Watching(const std::shared_ptr<grpc::Channel>& channel, Options options)
      : stub_(v1::WatchService::NewStub(channel)),
        options_(std::move(options)),
        replica_(kSlots, !options_.filter.empty(), options_.snapshot),
        thread_([this] { Run(); }) {}
  ~Watching() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    thread_.join();
  }

  const std::string& filter() const { return options_.filter; }

  // Calls `use` with the replica once `ready` says so; false when it does not within
  // a minute.
  bool When(const std::function<bool(const Replica&)>& ready,
            const std::function<void(Replica*)>& use) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::minutes(1), [&] { return ready(replica_); })) {
      return false;
    }
    use(&replica_);
    return true;
  }

 private:
  void Run() {
    std::string token;
    while (true) {
      v1::WatchRequest request;
      request.set_filter(options_.filter);
      if (token.empty()) {
        request.set_snapshot(options_.snapshot);
      } else {
        request.set_resume_token(token);
      }
      grpc::ClientContext context;
      // A connection may take a second attempt.
      context.set_wait_for_ready(true);
      {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        context_ = &context;
      }
      const auto stream = stub_->Watch(&context, request);
      v1::WatchResponse response;
      bool had_events = false;
      while (stream->Read(&response)) {
        had_events |= response.has_events();
        const std::lock_guard lock(mutex_);
        replica_.Take(response);
        if (options_.record != nullptr) options_.record->push_back(response);
        changed_.notify_all();
        // Only where a token stands: what comes after it would come again.
        if (options_.resumes && had_events && response.has_bookmark() &&
            replica_.snapshot_ended()) {
          token = response.bookmark().resume_token();
          break;
        }
        if (options_.pace != nullptr) {
          mutex_.unlock();
          options_.pace();
          mutex_.lock();
        }
      }
      context.TryCancel();
      while (stream->Read(&response)) {
      }
      const grpc::Status status = stream->Finish();
      const std::lock_guard lock(mutex_);
      context_ = nullptr;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED) << status.error_message();
      if (stopped_ || token.empty()) return;
    }
  }

  const std::unique_ptr<v1::WatchService::Stub> stub_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Replica replica_;
  grpc::ClientContext* context_ = nullptr;
  bool stopped_ = false;
  std::thread thread_;
};

class RebuildTest : public ::testing::Test {
 protected:
  void Start(uint64_t event_bytes_max) {
    // Each write is logged.
    spdlog::set_level(spdlog::level::warn);
    ServerConfig config = testing::LocalConfig();
    config.slot_count = kSlots;
    config.event_bytes_max = event_bytes_max;
    config.expiry_interval = std::chrono::milliseconds(20);
    // Connections of zone 1 expire while one looks.
    ZoneSettings fast;
    fast.udp = std::chrono::milliseconds(300);
    fast.udp_stream = std::chrono::milliseconds(500);
    for (Duration& timeout : fast.tcp.timeout) timeout = std::chrono::milliseconds(400);
    config.zones[1] = fast;
    server_ = std::make_unique<LocalServer>(config);
    for (const uint32_t zone : {1u, 2u}) {
      threads_.emplace_back([this, zone] { Sense(zone); });
    }
    threads_.emplace_back([this] { Write(); });
    threads_.emplace_back([this] { List(); });
  }

  void StopTraffic() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void TearDown() override {
    StopTraffic();
    if (!reads_on_.HasBeenNotified()) reads_on_.Notify();
    watching_.clear();
  }

  Tracker& tracker() { return server_->server().tracker(); }

  void Watch(Watching::Options options) {
    watching_.push_back(std::make_unique<Watching>(server_->NewChannel(), std::move(options)));
  }

  uint64_t Events() {
    uint64_t sum = 0;
    for (uint32_t slot = 0; slot < kSlots; ++slot) sum += tracker().LastSequence(slot);
    return sum;
  }
  void AwaitEvents(uint64_t count) {
    while (Events() < count) std::this_thread::yield();
  }

  std::vector<ExportedSlot> Export(const std::string& filter) {
    std::vector<ExportedSlot> slots(kSlots);
    grpc::ClientContext context;
    v1::ExportConnectionsRequest request;
    request.set_filter(filter);
    const auto stub = v1::ConnectionService::NewStub(server_->NewChannel());
    const auto stream = stub->ExportConnections(&context, request);
    v1::ExportConnectionsResponse part;
    size_t cuts = 0;
    while (stream->Read(&part)) {
      ExportedSlot& slot = slots[part.slot()];
      if (part.restarted()) slot.rows.clear();
      for (const v1::Connection& connection : part.connections()) {
        slot.rows[connection.id()] = {testing::EssenceNumber(connection),
                                      testing::PacketsOf(connection)};
      }
      for (const uint64_t id : part.removed_ids()) slot.rows.erase(id);
      if (!part.has_cut()) continue;
      slot.sequence = part.cut().sequence();
      ++cuts;
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(cuts, kSlots);
    return slots;
  }

  // Compares every watcher with exports made now.
  void CompareAll() {
    const std::vector<ExportedSlot> all = Export("");
    const std::vector<ExportedSlot> filtered = Export(kFilter);
    // However slow the machine, the watchers come to the cuts.
    paused_ = true;
    for (size_t i = 0; i < watching_.size(); ++i) {
      Watching& watching = *watching_[i];
      const std::vector<ExportedSlot>& slots = watching.filter().empty() ? all : filtered;
      for (uint32_t slot = 0; slot < kSlots; ++slot) {
        const uint64_t sequence = slots[slot].sequence;
        const auto ready = [&](const Replica& replica) {
          return replica.Reaches(slot, sequence) || replica.BeginsBehind(slot, sequence);
        };
        const auto compare = [&](Replica* replica) {
          if (!replica->BeginsBehind(slot, sequence)) replica->Compare(slot, slots[slot]);
        };
        ASSERT_TRUE(watching.When(ready, compare))
            << "watcher " << i << " never came to " << slot << "/" << sequence;
      }
    }
    paused_ = false;
  }

  // The snapshot of a watcher that began last may end behind the first cuts; before the
  // second ones it has ended.
  void StopTrafficAndCompareAll() {
    StopTraffic();
    CompareAll();
    CompareAll();
  }

  uint64_t LostBy(size_t watcher) {
    uint64_t lost = 0;
    watching_[watcher]->When([](const Replica&) { return true; },
                             [&](Replica* replica) { lost = replica->lost(); });
    return lost;
  }
  uint64_t ReadBy(size_t watcher) {
    uint64_t events = 0;
    watching_[watcher]->When([](const Replica&) { return true; },
                             [&](Replica* replica) { events = replica->events(); });
    return events;
  }

  // No watcher found a fault. Returns how much they lost together.
  uint64_t ExpectNoFaults() {
    uint64_t lost = 0;
    for (size_t i = 0; i < watching_.size(); ++i) {
      watching_[i]->When([](const Replica&) { return true; },
                         [&](Replica* replica) {
                           EXPECT_EQ(absl::StrJoin(replica->faults(), "\n"), "")
                               << "watcher " << i << ", seed " << seed_;
                           EXPECT_GT(replica->compared(), 0u);
                           EXPECT_GT(replica->events(), 0u);
                           lost += replica->lost();
                         });
    }
    return lost;
  }

  // A stalled watcher waits for it: up to the end of the test, so here and not in a test.
  absl::Notification reads_on_;
  std::unique_ptr<LocalServer> server_;
  std::vector<std::unique_ptr<Watching>> watching_;
  std::atomic<bool> stop_{false};
  // Sensors and writers wait.
  std::atomic<bool> paused_{false};
  const uint64_t seed_ = testing::TestSeed();

 private:
  // Packets of so few hosts and ports that connections open, change, close and
  // expire all the time. Zone 2 lives on the time of its packets.
  void Sense(uint32_t zone) {
    Random random(seed_ + zone);
    uint64_t seconds = 1'700'000'000;
    for (int session = 0; !stop_; ++session) {
      while (paused_ && !stop_) std::this_thread::yield();
      WireSensor sensor(server_->NewChannel());
      v1::IngestRequest hello = testing::HelloRequest("s" + std::to_string(zone), zone,
                                                      "session-" + std::to_string(session));
      hello.mutable_hello()->set_clock(zone == 1 ? v1::CLOCK_SERVER : v1::CLOCK_PACKET);
      ASSERT_TRUE(sensor.Send(hello));
      for (uint64_t sequence = 1; !stop_ && !paused_ && sequence <= 1'000; ++sequence) {
        seconds += random.Below(3);
        ASSERT_TRUE(sensor.Send(RandomBatch(&random, seconds).Request(sequence)));
        // Not more than the watchers of a small machine can follow.
        if (sequence % 8 != 0) continue;
        ASSERT_TRUE(sensor.ReceiveAck(sequence).has_value());
      }
      sensor.HalfClose();
      EXPECT_TRUE(sensor.Finish().ok());
    }
  }

  static BatchWriter RandomBatch(Random* random, uint64_t seconds) {
    constexpr uint8_t kFlags[] = {tcp_flag::kSyn, tcp_flag::kSyn | tcp_flag::kAck, tcp_flag::kAck,
                                  tcp_flag::kAck, tcp_flag::kFin | tcp_flag::kAck, tcp_flag::kRst};
    BatchWriter batch(seconds);
    for (uint32_t i = 0; i < 64; ++i) {
      const auto a = static_cast<uint32_t>(0x0A000000 + random->Below(100));
      const auto b = static_cast<uint32_t>(0x0A000100 + random->Below(8));
      const auto port = static_cast<uint16_t>(1000 + random->Below(4));
      const bool reply = random->OneIn(2);
      if (random->OneIn(3)) {
        reply ? batch.Udp(i, b, 53, a, port) : batch.Udp(i, a, port, b, 53);
        continue;
      }
      const uint8_t flags = kFlags[reply ? 1 + random->Below(5) : random->Below(6)];
      reply ? batch.Tcp(i, b, 80, a, port, flags, 1, 2) : batch.Tcp(i, a, port, b, 80, flags, 1, 2);
    }
    return batch;
  }

  void Write() {
    Random random(seed_ + 100);
    const auto stub = v1::ConnectionService::NewStub(server_->NewChannel());
    for (uint64_t next = 2'000; !stop_; next += 2'000) {
      while (!stop_ && (paused_ || Events() < next)) std::this_thread::yield();
      const std::string filter = "original.source = 10.0.0." + std::to_string(random.Below(100));
      grpc::ClientContext context;
      if (random.OneIn(4)) {
        v1::DeleteConnectionsRequest request;
        v1::DeleteConnectionsResponse response;
        request.set_filter(filter);
        EXPECT_TRUE(stub->DeleteConnections(&context, request, &response).ok());
        continue;
      }
      v1::UpdateConnectionsRequest request;
      v1::UpdateConnectionsResponse response;
      request.set_filter(filter);
      request.mutable_mark()->set_value(static_cast<uint32_t>(random.Below(3)));
      if (random.OneIn(2)) {
        request.mutable_labels()->add_set(static_cast<uint32_t>(random.Below(128)));
      }
      if (random.OneIn(2)) request.mutable_timeout()->set_seconds(1 + random.Below(100));
      EXPECT_TRUE(stub->UpdateConnections(&context, request, &response).ok());
    }
  }

  void List() {
    const auto stub = v1::ConnectionService::NewStub(server_->NewChannel());
    v1::ListConnectionsRequest request;
    request.set_page_size(100);
    while (!stop_) {
      grpc::ClientContext context;
      v1::ListConnectionsResponse response;
      EXPECT_TRUE(stub->ListConnections(&context, request, &response).ok());
      request.set_page_token(response.next_page_token());
    }
  }

  std::vector<std::thread> threads_;
};

TEST_F(RebuildTest, EveryWatcherHasWhatEveryExportHas) {
  Start(1u << 30);
  const uint64_t wanted = EventsWanted();
  constexpr uint64_t kRoundsThatBegin = 5;
  // Never further than a watcher can follow within a minute.
  const uint64_t rounds = std::max(kRoundsThatBegin, wanted / 200'000);
  for (uint64_t round = 1; round <= rounds; ++round) {
    // Some from the start, some into the midst of it.
    if (round <= kRoundsThatBegin) {
      Watch({});
      Watch({.filter = kFilter});
    }
    if (round == 1) Watch({.resumes = true});
    AwaitEvents(wanted * round / rounds);
    CompareAll();
    if (HasFatalFailure()) return;
  }
  StopTrafficAndCompareAll();
  EXPECT_EQ(ExpectNoFaults(), 0u);
}

TEST_F(RebuildTest, WhatASlowWatcherLosesItIsTold) {
  // Room for some 4,000 events.
  Start(1u << 20);
  const uint64_t wanted = EventsWanted();
  Watch({});
  // Reads a message for each 1,000 events, while there is traffic.
  const auto slowly = [this] {
    const uint64_t until = Events() + 1'000;
    while (!stop_ && Events() < until) std::this_thread::yield();
  };
  Watch({.pace = slowly});
  Watch({.snapshot = false, .pace = slowly});
  AwaitEvents(wanted);
  StopTrafficAndCompareAll();
  EXPECT_GT(ExpectNoFaults(), 0u);
}

// A watcher reads nothing while everything goes on: the others lose nothing, the events
// that are kept for it do not outgrow their memory, and it is told what it lost.
TEST_F(RebuildTest, AStalledWatcherCostsTheOthersNothing) {
  if (std::getenv("CONNTRACK_TEST_STALL") == nullptr) {
    GTEST_SKIP() << "too long beside other work: CONNTRACK_TEST_STALL says for how many seconds";
  }
  // Room for some 260,000 events.
  constexpr uint64_t kEventBytesMax = 64u << 20;
  // A segment a slot that is being written to, and what the feeds of all watchers hold.
  constexpr uint64_t kOverMax = 4u << 20;
  Start(kEventBytesMax);
  const std::chrono::seconds stall(testing::TestCount("CONNTRACK_TEST_STALL", 0));
  Watch({});
  Watch({.filter = kFilter});
  Watch({.pace = [this] { reads_on_.WaitForNotification(); }});
  const auto until = steady_clock::now() + stall;
  uint64_t most = 0;
  // Long enough for the stalled one to have lost some.
  while (steady_clock::now() < until || Events() < 2 * kEventBytesMax / sizeof(Event)) {
    reads_on_.WaitForNotificationWithTimeout(absl::Milliseconds(10));
    most = std::max(most, tracker().event_bytes());
    // As much as a watcher of this machine can follow, sanitized or not.
    paused_ = Events() > ReadBy(0) + 50'000;
  }
  paused_ = false;
  reads_on_.Notify();
  CompareAll();
  StopTrafficAndCompareAll();
  std::printf("%llu events, %llu bytes of them at most\n",
              static_cast<unsigned long long>(Events()), static_cast<unsigned long long>(most));
  EXPECT_LE(most, kEventBytesMax + kOverMax);
  EXPECT_GT(LostBy(2), 0u);
  EXPECT_EQ(ExpectNoFaults(), LostBy(2));
}

// The check itself is checked: a stream of the server that is broken in one way is
// found out each time.
TEST_F(RebuildTest, EachBreakageOfAStreamIsFound) {
  Start(1u << 30);
  AwaitEvents(2'000);
  std::array<testing::Messages, 2> records;
  Watch({.record = &records[0]});
  Watch({.filter = kFilter, .record = &records[1]});
  AwaitEvents(30'000);
  StopTraffic();
  // A bookmark behind events.
  for (const auto& watching : watching_) {
    ASSERT_TRUE(watching->When([](const Replica& replica) { return replica.bookmarks() > 1; },
                               [](Replica*) {}));
  }
  // Nothing ends by itself any more.
  tracker().Expire(server_->server().clock().Now() + std::chrono::hours(1), SIZE_MAX);
  const std::array<std::vector<ExportedSlot>, 2> exported = {Export(""), Export(kFilter)};
  CompareAll();
  watching_.clear();
  const auto faults = [&](const testing::Messages& messages, bool filtered) {
    Replica replica(kSlots, filtered, true);
    for (const v1::WatchResponse& message : messages) replica.Take(message);
    for (uint32_t slot = 0; slot < kSlots; ++slot) replica.Compare(slot, exported[filtered][slot]);
    return replica.faults();
  };
  for (const bool filtered : {false, true}) {
    EXPECT_EQ(absl::StrJoin(faults(records[filtered], filtered), "\n"), "") << "seed " << seed_;
  }
  for (const testing::Breakage& breakage : testing::Breakages()) {
    testing::Messages messages = records[breakage.filtered];
    ASSERT_TRUE(breakage.apply(&messages)) << breakage.name;
    EXPECT_FALSE(faults(messages, breakage.filtered).empty())
        << breakage.name << ", seed " << seed_;
  }
}

}  // namespace
}  // namespace conntrack
