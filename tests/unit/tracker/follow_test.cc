// What follows a slot, from a scan and its events, has what a cut of it says, while
// packets, requests, expiry and listings go on in other threads: for ThreadSanitizer, and
// without the wire. tests/property has the same of the whole server.
//
// CONNTRACK_TEST_EVENTS says how many events a test makes (30,000).
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "server/tracker/cut.h"
#include "server/tracker/tracker.h"
#include "tests/testing/random.h"
#include "tests/testing/random_request.h"
#include "tests/testing/slot_table.h"

namespace conntrack {
namespace {

using testing::Random;
using testing::RowOf;
using testing::SlotTable;

constexpr uint32_t kSlots = 4;
constexpr uint64_t kComparisons = 30;

// What a client makes of one slot.
class Follower {
 public:
  Follower(Tracker* tracker, uint32_t slot) : tracker_(tracker), slot_(slot) {}

  // Forgets all, and reads the slot as it is now. False when events were given up in the
  // meantime.
  bool Begin(Time now) {
    table_.clear();
    const SlotMark mark = tracker_->Mark(slot_);
    next_ = mark.sequence + 1;
    ScanPosition position{slot_, 0};
    while (position.slot == slot_) {
      SlotTable rows;
      const ScanStepOptions options{.server_now = now, .places_max = 100, .expired_too = true};
      const ScanStep step =
          tracker_->Scan(&position, options, [&](const ConnectionRef& connection, Time) {
            if (connection.id() < mark.next_id) rows[connection.id()] = RowOf(connection);
          });
      if (!ReadTo(step.sequence)) return false;
      for (const auto& [id, row] : rows) {
        EXPECT_EQ(ended_.count(id), 0u) << "connection " << id << " came after its end";
        table_[id] = row;
      }
    }
    return true;
  }

  // Takes the events up to `sequence`; false when some were given up before.
  bool ReadTo(uint64_t sequence) {
    while (next_ <= sequence) {
      const SlotEvents events = tracker_->ReadEvents(slot_, next_);
      if (events.first_retained > next_) return false;
      for (size_t i = 0; i < events.range.count && next_ <= sequence; ++i) Take(events.range[i]);
    }
    return true;
  }

  const SlotTable& table() const { return table_; }

 private:
  void Take(const Event& event) {
    EXPECT_EQ(event.sequence, next_++);
    const ConnectionRef connection = event.connection.ref();
    const uint64_t id = connection.id();
    EXPECT_EQ(ended_.count(id), 0u) << "event " << event.sequence << " after the end of " << id;
    if (event.type == EventType::kNew) {
      EXPECT_EQ(table_.count(id), 0u) << id << " began twice";
    }
    if (event.type == EventType::kDestroy) {
      table_.erase(id);
      ended_.insert(id);
    } else {
      table_[id] = RowOf(connection);
    }
  }

  Tracker* const tracker_;
  const uint32_t slot_;
  uint64_t next_ = 1;
  SlotTable table_;
  std::set<uint64_t> ended_;
};

class FollowTest : public ::testing::Test {
 protected:
  // `lag`: how many events a follower lets pass before it reads on.
  void Make(uint64_t event_bytes_max, uint64_t lag) {
    lag_ = lag;
    TrackerOptions options;
    options.slot_count = kSlots;
    options.event_bytes_max = event_bytes_max;
    tracker_ = std::make_unique<Tracker>(options);
    ZoneSettings settings;
    settings.udp = std::chrono::milliseconds(300);
    for (Duration& timeout : settings.tcp.timeout) timeout = std::chrono::milliseconds(500);
    settings.connections_max = 400;  // So that some are evicted.
    zones_[0] = *tracker_->OpenZone(1, ZoneClock::kServer, settings);
    zones_[1] = *tracker_->OpenZone(2, ZoneClock::kPacket, settings);
  }

  // Lets everything happen until there were enough events and comparisons.
  void Run() {
    std::vector<std::thread> threads;
    for (const ZoneIndex zone : zones_) {
      for (uint64_t seed : {1, 2}) threads.emplace_back([=, this] { Feed(zone, seed_ + seed); });
    }
    threads.emplace_back([this] { Request(); });
    threads.emplace_back([this] { Expire(); });
    threads.emplace_back([this] { List(); });
    for (int i = 0; i < 2; ++i) threads.emplace_back([this] { Follow(); });
    for (std::thread& thread : threads) thread.join();
  }

  uint64_t lost() const { return lost_; }

 private:
  bool Enough() const {
    uint64_t events = 0;
    for (uint32_t slot = 0; slot < kSlots; ++slot) events += tracker_->LastSequence(slot);
    return events >= wanted_ && compared_ >= kComparisons;
  }
  // The clock of everything, which others have moved on when one uses what it says.
  Time Now() const { return TimeFromUnixNanos(now_); }

  void Feed(ZoneIndex zone, uint64_t seed) {
    constexpr uint8_t kFlags[] = {tcp_flag::kSyn, tcp_flag::kSyn | tcp_flag::kAck, tcp_flag::kAck,
                                  tcp_flag::kFin | tcp_flag::kAck, tcp_flag::kRst};
    Random random(seed);
    std::vector<Packet> batch(64);
    std::vector<Verdict> verdicts(batch.size());
    while (!Enough()) {
      now_ += static_cast<int64_t>(random.Below(10'000'000));
      const Time now = Now();
      for (Packet& packet : batch) {
        packet = {};
        packet.time = now;
        const Address client = Ipv4Address(1 + static_cast<uint32_t>(random.Below(200)));
        const Address server = Ipv4Address(1000 + static_cast<uint32_t>(random.Below(8)));
        const bool reply = random.OneIn(2);
        packet.source = reply ? server : client;
        packet.destination = reply ? client : server;
        packet.ports = reply ? PortsWord(80, 1000) : PortsWord(1000, 80);
        packet.total_length = 40;
        packet.window = 1000;
        packet.protocol = random.OneIn(3) ? kProtocolUdp : kProtocolTcp;
        packet.tcp_flags = kFlags[random.Below(std::size(kFlags))];
      }
      tracker_->Process({zone, now, 0}, batch, verdicts);
    }
  }

  void Request() {
    Random random(seed_ + 10);
    ScanPosition position;
    while (!Enough()) {
      const ConnectionRequest request = testing::RandomRequest(&random);
      RequestCounts counts;
      const ScanStepOptions step{.server_now = Now(), .places_max = 20, .visits_max = 10};
      if (!tracker_->Apply(request, &position, step, &counts).more) position = {};
    }
  }

  void Expire() {
    while (!Enough()) tracker_->Expire(Now(), 10);
  }

  // No listing names a connection twice.
  void List() {
    while (!Enough()) {
      std::set<uint64_t> ids;
      ScanPosition position;
      const ScanStepOptions step{.server_now = Now(), .places_max = 40};
      const auto visit = [&](const ConnectionRef& connection, Time) {
        EXPECT_TRUE(ids.insert(connection.id()).second) << connection.id() << " came twice";
      };
      while (tracker_->Scan(&position, step, visit).more) {
      }
    }
  }

  void Follow() {
    std::vector<Follower> followers;
    for (uint32_t slot = 0; slot < kSlots; ++slot) followers.emplace_back(tracker_.get(), slot);
    std::vector<bool> begun(kSlots);
    while (!Enough()) {
      for (uint32_t slot = 0; slot < kSlots; ++slot) {
        const uint64_t until = tracker_->LastSequence(slot) + lag_;
        while (tracker_->LastSequence(slot) < until && !Enough()) std::this_thread::yield();
        // Some begin anew though nothing was lost.
        if (!begun[slot] || compared_ % 50 == 0) begun[slot] = followers[slot].Begin(Now());
        if (!begun[slot] || !CompareWithCut(slot, &followers[slot])) {
          begun[slot] = false;
          ++lost_;
        }
      }
    }
  }

  // False when events were given up in the meantime.
  bool CompareWithCut(uint32_t slot, Follower* follower) {
    const Filter all;
    SlotCut cut(tracker_.get(), slot, &all);
    SlotTable table;
    SlotCut::State state = SlotCut::State::kMore;
    while (state == SlotCut::State::kMore) {
      state = cut.Next(
          Now(), 64,
          [&](const ConnectionRef& connection, Time) {
            table[connection.id()] = RowOf(connection);
          },
          [&](uint64_t id) { table.erase(id); });
    }
    if (state == SlotCut::State::kLost || !follower->ReadTo(cut.sequence())) return false;
    EXPECT_EQ(follower->table(), table) << slot << "/" << cut.sequence() << ", seed " << seed_;
    ++compared_;
    return true;
  }

  const uint64_t seed_ = testing::TestSeed();
  const uint64_t wanted_ = testing::TestCount("CONNTRACK_TEST_EVENTS", 30'000);
  std::unique_ptr<Tracker> tracker_;
  ZoneIndex zones_[2] = {};
  uint64_t lag_ = 0;
  std::atomic<int64_t> now_{1'700'000'000'000'000'000};
  std::atomic<uint64_t> compared_{0};
  std::atomic<uint64_t> lost_{0};
};

TEST_F(FollowTest, WhoReadsAllEventsHasWhatEachCutSays) {
  Make(1u << 30, 0);
  Run();
  EXPECT_EQ(lost(), 0u);
}

TEST_F(FollowTest, WhoLostEventsKnows) {
  // Room for some 1,000 events of each slot.
  Make(1u << 20, 1'500);
  Run();
  EXPECT_GT(lost(), 0u);
}

}  // namespace
}  // namespace conntrack
