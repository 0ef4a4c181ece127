// Whoever follows the feed is sent every event once, in order, or told of its loss,
// however the others behave.
#include "server/event_feed.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "server/tracker/tracker.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);
constexpr uint32_t kSlots = 16;

class EventFeedTest : public ::testing::Test {
 protected:
  static TrackerOptions Options(uint64_t event_bytes) {
    TrackerOptions options;
    options.slot_count = kSlots;
    options.event_bytes_max = event_bytes;
    return options;
  }

  void Begin(uint64_t event_bytes = 64u << 20) {
    tracker_ = std::make_unique<Tracker>(Options(event_bytes));
    ASSERT_TRUE(tracker_->OpenZone(0, ZoneClock::kServer, ZoneSettings{}).ok());
    feed_ = std::make_unique<EventFeed>(tracker_.get(), wire_);
  }

  // Opens as many UDP connections; each makes an event.
  void Make(size_t events) {
    std::vector<Packet> packets(events);
    for (Packet& packet : packets) {
      packet.protocol = kProtocolUdp;
      packet.source = Ipv4Address(0x0A000000 + ++made_);
      packet.destination = Ipv4Address(0xC0A80001);
      packet.ports = PortsWord(1000, 53);
      packet.total_length = 40;
    }
    std::vector<Verdict> verdicts(events);
    tracker_->Process({.zone = 0, .server_now = kNow}, packets, verdicts);
  }

  SensorRegistry sensors_{1};
  std::unique_ptr<Tracker> tracker_;
  WireContext wire_ = {&sensors_, kSlots};
  std::unique_ptr<EventFeed> feed_;
  uint32_t made_ = 0;
};

// One who follows, and checks what it is sent.
class Checked {
 public:
  Checked(Tracker* tracker, const WireContext& wire, EventFeed* feed)
      : reader_(tracker, wire), follower_(feed, &reader_), next_(reader_.next()) {}

  // Takes the next message; false when there is nothing new.
  bool Take() {
    message_ = follower_.Next();
    if (message_ == nullptr) return false;
    uint64_t covered = 0;
    for (const SlotRange& range : message_->ranges) {
      EXPECT_EQ(range.first, next_[range.slot]);
      EXPECT_GE(range.last, range.first);
      next_[range.slot] = range.last + 1;
      covered += range.last + 1 - range.first;
    }
    EXPECT_EQ(covered, message_->events + message_->lost);
    events_ += message_->events;
    lost_ += message_->lost;
    return true;
  }
  void TakeAll() {
    while (Take()) {
    }
  }
  void MoveTo(const std::vector<uint64_t>& next) {
    reader_.MoveTo(next);
    next_ = next;
  }

  const std::shared_ptr<const WatchMessage>& message() const { return message_; }
  bool follows() const { return follower_.follows(); }
  uint64_t events() const { return events_; }
  uint64_t lost() const { return lost_; }

 private:
  EventReader reader_;
  FeedFollower follower_;
  std::vector<uint64_t> next_;
  std::shared_ptr<const WatchMessage> message_;
  uint64_t events_ = 0;
  uint64_t lost_ = 0;
};

TEST_F(EventFeedTest, AMessageIsMadeOnce) {
  Begin();
  Checked first(tracker_.get(), wire_, feed_.get());
  Checked second(tracker_.get(), wire_, feed_.get());
  EXPECT_FALSE(first.Take());
  EXPECT_FALSE(second.Take());
  Make(100);
  ASSERT_TRUE(first.Take());
  Make(100);
  ASSERT_TRUE(second.Take());
  EXPECT_EQ(first.message(), second.message());
  EXPECT_EQ(first.events(), 100u);
  EXPECT_FALSE(first.message()->bytes.Length() == 0);
  first.TakeAll();
  second.TakeAll();
  EXPECT_EQ(first.message(), second.message());
  EXPECT_EQ(first.events(), 200u);
  EXPECT_EQ(second.events(), 200u);
}

TEST_F(EventFeedTest, WhoComesFromEarlierFollowsOnceItHasCaughtUp) {
  Begin();
  const std::vector<uint64_t> start(wire_.slot_count, 1);
  Make(20'000);
  Checked now(tracker_.get(), wire_, feed_.get());
  EXPECT_FALSE(now.Take());
  Checked earlier(tracker_.get(), wire_, feed_.get());
  earlier.MoveTo(start);
  ASSERT_TRUE(earlier.Take());
  EXPECT_FALSE(earlier.follows());
  Make(10);
  ASSERT_TRUE(now.Take());
  earlier.TakeAll();
  EXPECT_TRUE(earlier.follows());
  EXPECT_EQ(earlier.events(), 20'010u);
  EXPECT_EQ(now.events(), 10u);
}

TEST_F(EventFeedTest, WhoComesToAMessageThatIsKeptFollowsAtOnce) {
  Begin();
  Checked first(tracker_.get(), wire_, feed_.get());
  EXPECT_FALSE(first.Take());
  Checked second(tracker_.get(), wire_, feed_.get());
  Make(20'000);
  first.TakeAll();
  ASSERT_TRUE(second.Take());
  EXPECT_TRUE(second.follows());
  second.TakeAll();
  EXPECT_EQ(first.message(), second.message());
  EXPECT_EQ(second.events(), 20'000u);
}

TEST_F(EventFeedTest, WhoIsAheadOfAllDoesNotWaitForThem) {
  Begin();
  Checked slow(tracker_.get(), wire_, feed_.get());
  EXPECT_FALSE(slow.Take());
  Make(100'000);
  Checked fresh(tracker_.get(), wire_, feed_.get());
  EXPECT_FALSE(fresh.Take());
  EXPECT_TRUE(fresh.follows());
  Make(1);
  ASSERT_TRUE(fresh.Take());
  EXPECT_EQ(fresh.events(), 1u);
  slow.TakeAll();
  EXPECT_TRUE(slow.follows());
  EXPECT_EQ(slow.events(), 100'001u);
}

TEST_F(EventFeedTest, WhatTheTrackerGaveUpIsToldToAll) {
  Begin((4 * kSlots + 64) * sizeof(EventSegment));
  Checked a(tracker_.get(), wire_, feed_.get());
  Checked b(tracker_.get(), wire_, feed_.get());
  EXPECT_FALSE(a.Take());
  EXPECT_FALSE(b.Take());
  Make(50'000);
  a.TakeAll();
  b.TakeAll();
  for (const Checked* each : {&a, &b}) {
    EXPECT_GT(each->lost(), 0u);
    EXPECT_GT(each->events(), 0u);
    EXPECT_EQ(each->lost() + each->events(), 50'000u);
  }
}

// Readers of every pace, that come and go, with memory for few events or many.
TEST_F(EventFeedTest, AnyMixtureSeesEveryEventOrItsLoss) {
  testing::Random random(testing::TestSeed());
  for (int round = 0; round < 20; ++round) {
    made_ = 0;
    feed_.reset();
    Begin(random.OneIn(2) ? 1u << 20 : 64u << 20);
    struct Reader {
      std::unique_ptr<Checked> checked;
      uint64_t from;
      uint64_t pace;
    };
    std::vector<Reader> readers;
    const std::vector<uint64_t> start(wire_.slot_count, 1);
    for (int step = 0; step < 300; ++step) {
      if (random.OneIn(10) && readers.size() < 8) {
        readers.push_back({std::make_unique<Checked>(tracker_.get(), wire_, feed_.get()), made_,
                           1 + random.Below(20)});
        if (random.OneIn(3)) {
          readers.back().checked->MoveTo(start);
          readers.back().from = 0;
        }
      }
      if (random.OneIn(40) && !readers.empty()) readers.erase(readers.begin());
      if (!random.OneIn(3)) Make(1 + random.Below(random.OneIn(10) ? 3'000 : 100));
      for (Reader& reader : readers) {
        if (random.OneIn(reader.pace)) reader.checked->Take();
      }
    }
    for (Reader& reader : readers) {
      reader.checked->TakeAll();
      EXPECT_EQ(reader.checked->events() + reader.checked->lost(), made_ - reader.from);
      EXPECT_TRUE(reader.checked->follows());
    }
  }
}

}  // namespace
}  // namespace conntrack
