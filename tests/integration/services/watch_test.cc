// Watch over a real socket: what a client rebuilds from snapshot and events is
// what the server has, and nothing is lost without a notice.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/tracker/packet.h"
#include "tests/integration/services/service_test.h"
#include "tests/testing/essence.h"
#include "tests/testing/wire_sensor.h"

namespace conntrack {
namespace {

using testing::BatchWriter;
using testing::HelloRequest;
using testing::WireSensor;

std::string Essence(const v1::Connection& connection) {
  return testing::EssenceOf(connection).ShortDebugString();
}

using Table = std::map<uint64_t, std::string>;

// The rows of one that the other has not, or has otherwise.
std::string Difference(const Table& seen, const Table& expected) {
  std::string text;
  const auto append = [&text](const char* what, const Table& of, const Table& beside) {
    for (const auto& row : of) {
      const auto found = beside.find(row.first);
      if (found != beside.end() && found->second == row.second) continue;
      text += absl::StrCat(what, " ", row.first, ": ", row.second, "\n");
    }
  };
  append("seen", seen, expected);
  append("expected", expected, seen);
  return text;
}

// One client: rebuilds the table, and checks what every response promises.
class Subscriber {
 public:
  Subscriber(const std::shared_ptr<grpc::Channel>& channel, const v1::WatchRequest& request)
      : stub_(v1::WatchService::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    reader_ = stub_->Watch(&context_, request);
    // Headers come with the first response; nothing to wait for here.
  }

  // Reads one response; false at the end.
  bool Read() {
    v1::WatchResponse response;
    if (!reader_->Read(&response)) return false;
    switch (response.message_case()) {
      case v1::WatchResponse::kSnapshot:
        for (const v1::Connection& connection : response.snapshot().connections()) {
          EXPECT_FALSE(snapshot_ended_);
          EXPECT_EQ(snapshot_ids_.count(connection.id()), 0u) << "a double";
          ++snapshot_ids_[connection.id()];
          table_[connection.id()] = Essence(connection);
        }
        break;
      case v1::WatchResponse::kSnapshotEnd:
        EXPECT_EQ(response.snapshot_end().connections(), snapshot_ids_.size());
        snapshot_ended_ = true;
        token_ = response.snapshot_end().resume_token();
        break;
      case v1::WatchResponse::kEvents:
        Apply(response.events());
        break;
      case v1::WatchResponse::kBookmark:
        token_ = response.bookmark().resume_token();
        ++bookmarks_;
        break;
      case v1::WatchResponse::kLoss:
        for (const v1::SequenceRange& range : response.loss().ranges()) {
          Cover(range);
          lost_ += range.last_sequence() - range.first_sequence() + 1;
        }
        break;
      case v1::WatchResponse::MESSAGE_NOT_SET:
        ADD_FAILURE() << "an empty response";
    }
    return true;
  }

  void ReadToSnapshotEnd() {
    while (!snapshot_ended_ && Read()) {
    }
  }
  grpc::Status ReadToEnd() {
    while (Read()) {
    }
    return reader_->Finish();
  }
  void Cancel() { context_.TryCancel(); }

  const Table& table() const { return table_; }
  const std::string& token() const { return token_; }
  uint64_t lost() const { return lost_; }
  uint64_t bookmarks() const { return bookmarks_; }
  uint64_t events() const { return events_; }
  uint64_t left() const { return left_; }
  // Sum over slots of the sequences that ranges and losses cover.
  uint64_t covered() const { return covered_; }

 private:
  void Apply(const v1::EventBatch& batch) {
    for (const v1::SequenceRange& range : batch.ranges()) Cover(range);
    std::map<uint32_t, uint64_t> last;
    for (const v1::Event& event : batch.events()) {
      EXPECT_GT(event.sequence(), last[event.slot()]);
      last[event.slot()] = event.sequence();
      EXPECT_LE(event.sequence(), next_[event.slot()]);
      ++events_;
      const uint64_t id = event.connection().id();
      if (event.type() == v1::EVENT_TYPE_DESTROY || event.type() == v1::EVENT_TYPE_LEFT) {
        if (event.type() == v1::EVENT_TYPE_LEFT) ++left_;
        table_.erase(id);
        continue;
      }
      if (event.type() == v1::EVENT_TYPE_NEW) {
        EXPECT_EQ(snapshot_ids_.count(id), 0u) << "a double";
      }
      table_[id] = Essence(event.connection());
    }
  }

  // Ranges of a slot follow each other without gap and overlap.
  void Cover(const v1::SequenceRange& range) {
    uint64_t& next = next_[range.slot()];
    if (next != 0) {
      EXPECT_EQ(range.first_sequence(), next) << "slot " << range.slot();
    }
    EXPECT_LE(range.first_sequence(), range.last_sequence());
    next = range.last_sequence() + 1;
    covered_ += range.last_sequence() - range.first_sequence() + 1;
  }

  std::unique_ptr<v1::WatchService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
  Table table_;
  std::map<uint64_t, int> snapshot_ids_;
  std::map<uint32_t, uint64_t> next_;
  std::string token_;
  bool snapshot_ended_ = false;
  uint64_t lost_ = 0;
  uint64_t bookmarks_ = 0;
  uint64_t events_ = 0;
  uint64_t left_ = 0;
  uint64_t covered_ = 0;
};

class WatchTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    const char* given = std::getenv("CONNTRACK_TEST_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    random_.seed(seed_);
    RecordProperty("seed", std::to_string(seed_));
    std::cout << "seed " << seed_ << " (CONNTRACK_TEST_SEED sets it)\n";
  }

  // Packets of hosts and ports so few that connections open, close, reopen and
  // expire all the time.
  v1::IngestRequest RandomBatch(uint64_t sequence) {
    seconds_ += random_() % 3;
    BatchWriter batch(seconds_);
    for (uint32_t i = 0; i < 40; ++i) {
      const auto a = static_cast<uint32_t>(0x0A000000 + random_() % 40);
      const auto b = static_cast<uint32_t>(0x0A000100 + random_() % 4);
      const auto port = static_cast<uint16_t>(1000 + random_() % 4);
      const bool reply = random_() % 2 == 0;
      if (random_() % 3 == 0) {
        reply ? batch.Udp(i, b, 53, a, port) : batch.Udp(i, a, port, b, 53);
        continue;
      }
      constexpr uint8_t kFlags[] = {
          tcp_flag::kSyn, tcp_flag::kSyn | tcp_flag::kAck, tcp_flag::kAck,
          tcp_flag::kAck, tcp_flag::kFin | tcp_flag::kAck, tcp_flag::kRst};
      const uint8_t flags = reply ? kFlags[1 + random_() % 5] : kFlags[random_() % 6];
      reply ? batch.Tcp(i, b, 80, a, port, flags, 1, 2) : batch.Tcp(i, a, port, b, 80, flags, 1, 2);
    }
    return batch.Request(sequence);
  }

  // Sends batches until their sequence is `last`, and waits for the ack.
  void Feed(WireSensor* sensor, uint64_t last) {
    while (sequence_ < last) ASSERT_TRUE(sensor->Send(RandomBatch(++sequence_)));
    ASSERT_TRUE(sensor->ReceiveAck(last).has_value());
  }

  // What the server has once everything due has expired.
  Table ServedTable(const std::string& filter) {
    server().tracker().Expire(server().clock().Now(), SIZE_MAX);
    Table table;
    const auto stub = v1::ConnectionService::NewStub(channel());
    v1::ListConnectionsRequest request;
    request.set_filter(filter);
    request.set_page_size(17);
    do {
      grpc::ClientContext context;
      v1::ListConnectionsResponse response;
      const grpc::Status status = stub->ListConnections(&context, request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      EXPECT_LE(response.connections_size(), 17);
      for (const v1::Connection& connection : response.connections()) {
        EXPECT_TRUE(table.emplace(connection.id(), Essence(connection)).second) << "a double";
      }
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return table;
  }

  uint64_t EventCount() {
    uint64_t sum = 0;
    for (uint32_t slot = 0; slot < server().tracker().options().slot_count; ++slot) {
      sum += server().tracker().LastSequence(slot);
    }
    return sum;
  }

  uint64_t seed_ = 0;
  std::mt19937_64 random_;
  uint64_t seconds_ = 1'700'000'000;
  uint64_t sequence_ = 0;
};

v1::WatchRequest WithSnapshot(const std::string& filter = "") {
  v1::WatchRequest request;
  request.set_filter(filter);
  request.set_snapshot(true);
  return request;
}

TEST_F(WatchTest, SnapshotAndEventsRebuildTheTable) {
  constexpr char kFilter[] = "protocol = TCP AND state = ESTABLISHED";
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  Feed(&sensor, 100);
  // Most begin while everything changes, so that their snapshots meet events.
  constexpr size_t kSubscribers = 6;
  std::vector<std::unique_ptr<Subscriber>> all;
  std::vector<std::unique_ptr<Subscriber>> established;
  std::vector<std::thread> threads;
  const auto subscribe = [&](const std::string& filter, auto* subscribers) {
    subscribers->push_back(std::make_unique<Subscriber>(channel(), WithSnapshot(filter)));
    // The first are sure to see all that follows; the others begin when they do.
    if (subscribers->size() == 1) subscribers->front()->ReadToSnapshotEnd();
    threads.emplace_back([subscriber = subscribers->back().get()] { subscriber->ReadToEnd(); });
  };
  for (size_t i = 0; i < kSubscribers; ++i) {
    subscribe("", &all);
    subscribe(kFilter, &established);
    Feed(&sensor, 200 + i * 80);
  }
  const auto table = ServedTable("");
  const auto established_table = ServedTable(kFilter);
  sensor.HalfClose();
  ASSERT_TRUE(sensor.Finish().ok());
  server().Drain();
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(table.size(), 10u);
  for (const auto& subscriber : all) {
    EXPECT_EQ(Difference(subscriber->table(), table), "");
    EXPECT_EQ(subscriber->lost(), 0u);
  }
  for (const auto& subscriber : established) {
    EXPECT_EQ(Difference(subscriber->table(), established_table), "");
    EXPECT_EQ(subscriber->lost(), 0u);
  }
  EXPECT_GT(established.front()->left(), 0u);
}

TEST_F(WatchTest, AResumedWatchMissesNothing) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  Feed(&sensor, 50);
  // The clock stands still until the next packet: what is due must not come
  // between the token and the count.
  server().tracker().Expire(server().clock().Now(), SIZE_MAX);
  const uint64_t before = EventCount();
  Subscriber first(channel(), WithSnapshot());
  first.ReadToSnapshotEnd();
  first.Cancel();
  Feed(&sensor, 150);
  server().tracker().Expire(server().clock().Now(), SIZE_MAX);
  const uint64_t after = EventCount();

  v1::WatchRequest request;
  request.set_resume_token(first.token());
  Subscriber second(channel(), request);
  while (second.covered() < after - before && second.Read()) {
  }
  EXPECT_EQ(second.covered(), after - before);
  EXPECT_EQ(second.lost(), 0u);
}

TEST_F(WatchTest, ATokenOfAnotherRunIsOutOfRangeAndNamesTheOldest) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  Feed(&sensor, 5);
  Subscriber first(channel(), WithSnapshot());
  first.ReadToSnapshotEnd();
  first.Cancel();
  const std::string token = first.token();
  server_.reset();
  SetUp();
  v1::WatchRequest request;
  request.set_resume_token(token);
  Subscriber second(channel(), request);
  const grpc::Status status = second.ReadToEnd();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_NE(status.error_details().find("oldest_resume_token"), std::string::npos);
}

TEST_F(WatchTest, FiltersOnTimeAreRefused) {
  Subscriber watch(channel(), WithSnapshot("age > 60s"));
  EXPECT_EQ(watch.ReadToEnd().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// Events of the other types are covered, not lost.
TEST_F(WatchTest, OnlyTheTypesOfEventsThatAreAskedForAreSent) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  const auto stub = v1::WatchService::NewStub(channel());
  v1::WatchRequest request;
  request.add_event_types(v1::EVENT_TYPE_NEW);
  request.add_event_types(v1::EVENT_TYPE_LEFT);
  request.set_filter("state = SYN_SENT OR protocol = UDP");
  grpc::ClientContext context;
  const auto stream = stub->Watch(&context, request);
  v1::WatchResponse response;
  ASSERT_TRUE(stream->Read(&response) && response.has_bookmark());
  const uint64_t before = EventCount();
  Feed(&sensor, 50);
  const uint64_t events = EventCount() - before;
  std::map<int, size_t> counts;
  uint64_t covered = 0;
  while (covered < events && stream->Read(&response)) {
    EXPECT_FALSE(response.has_loss());
    for (const v1::Event& event : response.events().events()) ++counts[event.type()];
    for (const v1::SequenceRange& range : response.events().ranges()) {
      covered += range.last_sequence() - range.first_sequence() + 1;
    }
  }
  context.TryCancel();
  EXPECT_GE(covered, events);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_GT(counts[v1::EVENT_TYPE_NEW], 0u);
  EXPECT_GT(counts[v1::EVENT_TYPE_LEFT], 0u);
}

TEST_F(WatchTest, ATypeOfEventsThatThereIsNotIsRefused) {
  for (const int type : {0, 9}) {
    v1::WatchRequest request;
    request.add_event_types(static_cast<v1::EventType>(type));
    Subscriber watch(channel(), request);
    const grpc::Status status = watch.ReadToEnd();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_NE(status.error_message().find(std::to_string(type)), std::string::npos);
  }
}

TEST_F(WatchTest, BookmarksComeInQuietTimes) {
  Subscriber watch(channel(), {});
  // The first comes at once, as a place to resume from.
  while (watch.bookmarks() < 3 && watch.Read()) {
  }
  EXPECT_EQ(watch.bookmarks(), 3u);
  EXPECT_FALSE(watch.token().empty());
}

class NoExpiryWatchTest : public WatchTest {
 protected:
  ServerConfig Config() const override {
    ServerConfig config = WatchTest::Config();
    config.expiry_interval = std::chrono::hours(1);
    return config;
  }

  // A packet of one connection of UDP, tracked as if it had come `ago`.
  void Track(ZoneIndex zone, Duration ago) {
    Packet packet;
    packet.time = server().clock().Now() - ago;
    packet.protocol = kProtocolUdp;
    packet.source = Ipv4Address(1);
    packet.destination = Ipv4Address(2);
    packet.ports = PortsWord(1000, 53);
    packet.total_length = 100;
    Verdict verdict;
    server().tracker().Process({zone, packet.time, 0}, {&packet, 1}, {&verdict, 1});
  }
};

// A packet that was late is tracked at the time at which it came, after the connection
// was due: it lives on, and no event says so.
TEST_F(NoExpiryWatchTest, TheSnapshotHasWhatIsDueButHasNotEnded) {
  const ZoneSettings settings;
  const auto zone = server().tracker().OpenZone(1, ZoneClock::kServer, settings);
  ASSERT_TRUE(zone.ok()) << zone.status();
  // Due a second ago.
  Track(*zone, settings.udp + std::chrono::seconds(1));
  Subscriber watch(channel(), WithSnapshot());
  watch.ReadToSnapshotEnd();
  Track(*zone, std::chrono::seconds(2));
  const Table table = ServedTable("");
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(Difference(watch.table(), table), "");
}

class SmallBudgetWatchTest : public WatchTest {
 protected:
  ServerConfig Config() const override {
    ServerConfig config = WatchTest::Config();
    config.event_bytes_max = 1u << 20;
    return config;
  }
};

TEST_F(SmallBudgetWatchTest, ASlowWatcherIsToldExactlyWhatItMissed) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  v1::WatchRequest from_now;
  Subscriber slow(channel(), WithSnapshot());
  slow.ReadToSnapshotEnd();
  ASSERT_EQ(EventCount(), 0u);
  Feed(&sensor, 3000);
  server().tracker().Expire(server().clock().Now(), SIZE_MAX);
  const uint64_t events = EventCount();
  while (slow.covered() < events && slow.Read()) {
  }
  EXPECT_EQ(slow.covered(), events);
  EXPECT_GT(slow.lost(), 0u);
  EXPECT_EQ(slow.events() + slow.lost(), events);
}

// RandomBatch has 1,280 pairs of hosts and ports in all.
class FewMatchesWatchTest : public SmallBudgetWatchTest {
 protected:
  ServerConfig Config() const override {
    ServerConfig config = SmallBudgetWatchTest::Config();
    config.watch_matches_max = 1'500;
    return config;
  }
};

// The DESTROYs that were lost leave nothing behind that counts against the limit.
TEST_F(FewMatchesWatchTest, ASlowWatcherWithAFilterGoesOnAfterEachLoss) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  Subscriber slow(channel(), WithSnapshot("protocol = TCP OR protocol = UDP"));
  slow.ReadToSnapshotEnd();
  for (uint64_t lost = 0, round = 1; round <= 4; lost = slow.lost(), ++round) {
    Feed(&sensor, round * 3000);
    const uint64_t events = EventCount();
    while (slow.covered() < events && slow.Read()) {
    }
    ASSERT_GE(slow.covered(), events) << "in round " << round;
    EXPECT_GT(slow.lost(), lost) << "in round " << round;
  }
}

TEST_F(FewMatchesWatchTest, AFilterThatMatchesTooManyEndsTheWatch) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  Subscriber from_now(channel(), [] {
    v1::WatchRequest request;
    request.set_filter("protocol = UDP");
    return request;
  }());
  // Its first bookmark.
  ASSERT_TRUE(from_now.Read());
  BatchWriter batch(seconds_);
  for (uint16_t port = 0; port < 1'501; ++port) {
    batch.Udp(port, 0x0A000001, static_cast<uint16_t>(1000 + port), 0x0A000002, 53);
  }
  ASSERT_TRUE(sensor.Send(batch.Request(1)));
  ASSERT_TRUE(sensor.ReceiveAck(1).has_value());
  Subscriber with_snapshot(channel(), WithSnapshot("protocol = UDP"));
  for (Subscriber* each : {&from_now, &with_snapshot}) {
    const grpc::Status status = each->ReadToEnd();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(status.error_message(),
              "the filter matches more than watch_matches_max = 1500 connections");
  }
  // Without a filter nothing is remembered.
  Subscriber unfiltered(channel(), WithSnapshot());
  unfiltered.ReadToSnapshotEnd();
  EXPECT_EQ(unfiltered.table().size(), 1'501u);
}

}  // namespace
}  // namespace conntrack
