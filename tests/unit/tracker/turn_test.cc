// Calls of Tracker::Process that overlap in turn do exactly what they do one after the
// other.
#include "server/tracker/turn.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/tracker/tracker.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

using testing::Random;
using testing::TestSeed;

constexpr uint32_t kSlots = 64;
constexpr size_t kCalls = 40;
constexpr Time kStart = TimeFromUnixNanos(1'700'000'000'000'000'000);

TEST(TurnTest, IsOverWhereItsThreadSaysSo) {
  Turn turn;
  EXPECT_TRUE(turn.over());
  turn.Follow(nullptr);
  EXPECT_FALSE(turn.over());
  turn.WaitForAll();  // Nobody is before it.
  Turn next;
  next.Follow(&turn);
  turn.Leave(3);
  next.WaitFor(2);
  EXPECT_FALSE(turn.over());
  turn.LeaveAll();
  EXPECT_TRUE(turn.over());
  EXPECT_FALSE(next.over());
  next.WaitForAll();
  turn.WaitUntilOver();
}

// Long enough for a thread that waits to fall asleep.
void PassTime() {
  using std::chrono::steady_clock;
  const auto until = steady_clock::now() + std::chrono::milliseconds(1);
  while (steady_clock::now() < until) std::this_thread::yield();
}

TEST(TurnTest, AWaitLastsUntilTheSlotIsLeft) {
  Turn turn;
  Turn next;
  turn.Follow(nullptr);
  next.Follow(&turn);
  std::atomic<uint32_t> left{0};
  std::thread thread([&] {
    for (const uint32_t slot : {0u, 7u, 100u}) {
      next.WaitFor(slot);
      EXPECT_GT(left, slot);
    }
    next.WaitForAll();
    EXPECT_EQ(left, 1000u);
  });
  for (const uint32_t slots : {1u, 8u, 50u, 101u}) {
    PassTime();
    left = slots;
    turn.Leave(slots);
  }
  PassTime();
  left = 1000;
  turn.LeaveAll();
  thread.join();
}

// A thread may have its next turn while the one that follows its last has not looked yet.
TEST(TurnTest, AnOldTurnStaysOverWhileTheNextIsUnderWay) {
  Turn first;
  Turn second;
  first.Follow(nullptr);
  second.Follow(&first);
  first.LeaveAll();
  first.Follow(&second);
  second.WaitForAll();
  EXPECT_FALSE(first.over());
}

TEST(TurnTest, NumbersMayBeginAgain) {
  Turn turns[2];
  turns[0].Follow(nullptr);
  for (int i = 0; i < 1'200'000; ++i) {
    Turn& now = turns[i % 2];
    Turn& next = turns[1 - i % 2];
    next.Follow(&now);
    now.Leave(5);
    next.WaitFor(4);
    ASSERT_FALSE(now.over());
    now.LeaveAll();
    next.WaitForAll();
    ASSERT_TRUE(now.over());
  }
}

// A call of Process.
struct Call {
  Time now;
  std::vector<Packet> packets;
  std::vector<Verdict> verdicts;
};

Packet RandomPacket(Random* random, Time now) {
  constexpr uint8_t kFlags[] = {tcp_flag::kSyn, tcp_flag::kSyn | tcp_flag::kAck, tcp_flag::kAck,
                                tcp_flag::kFin | tcp_flag::kAck, tcp_flag::kRst};
  Packet packet;
  packet.time = now + std::chrono::microseconds(random->Below(1'000'000));
  const auto client = static_cast<uint32_t>(1 + random->Below(2'000));
  const bool reply = random->OneIn(2);
  if (random->OneIn(50)) {
    packet.family = Family::kIpv6;
    packet.source = Address{client, 1};
    packet.destination = Address{client, 2};
  } else {
    packet.source = Ipv4Address(reply ? 10'000 : client);
    packet.destination = Ipv4Address(reply ? client : 10'000);
  }
  packet.ports = reply ? PortsWord(80, 1000) : PortsWord(1000, 80);
  packet.total_length = 40;
  packet.window = 1000;
  packet.protocol = random->OneIn(3) ? kProtocolUdp : kProtocolTcp;
  packet.tcp_flags = kFlags[random->Below(std::size(kFlags))];
  packet.sequence = static_cast<uint32_t>(random->Below(2'000));
  packet.acknowledgment = static_cast<uint32_t>(random->Below(2'000));
  return packet;
}

// Short ones and long ones, of one family and of both.
std::vector<Call> RandomCalls(uint64_t seed) {
  Random random(seed);
  std::vector<Call> calls(kCalls);
  Time now = kStart;
  for (Call& call : calls) {
    now += std::chrono::seconds(random.Below(30));
    call.now = now;
    const size_t count = random.OneIn(4) ? random.Below(50) : 1 + random.Below(10'000);
    const bool mixed = random.OneIn(3);
    while (call.packets.size() < count) {
      const Packet packet = RandomPacket(&random, now);
      if (mixed || packet.family == Family::kIpv4) call.packets.push_back(packet);
    }
    call.verdicts.resize(count);
  }
  return calls;
}

class TurnsTest : public ::testing::TestWithParam<ZoneClock> {
 protected:
  static std::unique_ptr<Tracker> MakeTracker() {
    TrackerOptions options;
    options.slot_count = kSlots;
    auto tracker = std::make_unique<Tracker>(options);
    EXPECT_TRUE(tracker->OpenZone(1, GetParam(), options.zone_settings).ok());
    return tracker;
  }

  // Every other call in another thread, each thread with a turn of its own.
  static void ProcessInTurn(Tracker* tracker, std::vector<Call>* calls) {
    std::array<Turn, 2> turns;
    std::mutex mutex;
    size_t next = 0;
    const auto work = [&](size_t number) {
      Turn* const own = &turns[number];
      while (true) {
        Call* call = nullptr;
        {
          const std::lock_guard lock(mutex);
          if (next == calls->size()) return;
          call = &(*calls)[next++];
          own->Follow(&turns[1 - number]);
        }
        tracker->Process({0, call->now, 0}, call->packets, call->verdicts, own);
      }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
  }
};

TEST_P(TurnsTest, ThreadsInTurnDoWhatOneDoes) {
  const uint64_t seed = TestSeed();
  std::vector<Call> expected = RandomCalls(seed);
  const auto reference = MakeTracker();
  for (Call& call : expected) {
    reference->Process({0, call.now, 0}, call.packets, call.verdicts);
  }
  std::vector<Call> calls = RandomCalls(seed);
  const auto tracker = MakeTracker();
  ProcessInTurn(tracker.get(), &calls);

  for (size_t i = 0; i < kCalls; ++i) {
    ASSERT_EQ(calls[i].verdicts, expected[i].verdicts) << "call " << i;
  }
  EXPECT_GT(reference->connections(), 1'000u);
  EXPECT_EQ(tracker->connections(), reference->connections());
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    ASSERT_EQ(tracker->LastSequence(slot), reference->LastSequence(slot));
    for (uint64_t sequence = 1; sequence <= reference->LastSequence(slot);) {
      const SlotEvents got = tracker->ReadEvents(slot, sequence);
      const SlotEvents wanted = reference->ReadEvents(slot, sequence);
      ASSERT_EQ(got.range.count, wanted.range.count);
      for (size_t i = 0; i < wanted.range.count; ++i) {
        const Event& event = got.range[i];
        ASSERT_EQ(event.sequence, wanted.range[i].sequence);
        ASSERT_EQ(event.type, wanted.range[i].type);
        ASSERT_EQ(event.time, wanted.range[i].time);
        ASSERT_EQ(event.now, wanted.range[i].now);
        ASSERT_EQ(event.connection.extra.id, wanted.range[i].connection.extra.id);
        ASSERT_EQ(event.connection.record.deadline, wanted.range[i].connection.record.deadline);
      }
      sequence += wanted.range.count;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Clocks, TurnsTest,
                         ::testing::Values(ZoneClock::kServer, ZoneClock::kPacket),
                         [](const auto& clock) {
                           return clock.param == ZoneClock::kServer ? "Server" : "Packet";
                         });

}  // namespace
}  // namespace conntrack
