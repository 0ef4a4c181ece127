// What is explained is what happens then.
#include "server/tracker/explain.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <vector>

#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kStart = TimeFromUnixNanos(1'700'000'000'000'000'000);

class ExplainTest : public ::testing::Test {
 protected:
  void Make(ZoneClock clock, uint64_t connections_max) {
    TrackerOptions options;
    options.slot_count = 4;
    tracker_ = std::make_unique<Tracker>(options);
    // Not the first zone, so that its index differs from its copy's.
    ZoneSettings settings;
    ASSERT_TRUE(tracker_->OpenZone(1, clock, settings).ok());
    settings.connections_max = connections_max;
    zone_ = *tracker_->OpenZone(7, clock, settings);
  }

  // Often one that fits a connection.
  Packet RandomPacket() {
    constexpr std::array<uint8_t, 6> kFlags = {tcp_flag::kSyn, tcp_flag::kSyn | tcp_flag::kAck,
                                               tcp_flag::kAck, tcp_flag::kFin | tcp_flag::kAck,
                                               tcp_flag::kRst, tcp_flag::kSyn | tcp_flag::kFin};
    Packet packet;
    packet.time = now_;
    const bool reply = random_.OneIn(2);
    const bool ipv6 = random_.OneIn(4);
    const uint64_t high = ipv6 ? 0x2000'0000'0000'0000 : 0;
    const Address client = {high, 1 + random_.Below(12)};
    const Address server = {high, 1'000};
    packet.family = ipv6 ? Family::kIpv6 : Family::kIpv4;
    packet.source = reply ? server : client;
    packet.destination = reply ? client : server;
    packet.ports = reply ? PortsWord(80, 1000) : PortsWord(1000, 80);
    packet.total_length = 40;
    packet.window = 1000;
    packet.sequence = static_cast<uint32_t>(random_.Below(4));
    packet.acknowledgment = static_cast<uint32_t>(random_.Below(4));
    packet.protocol =
        random_.Pick<uint8_t>({kProtocolTcp, kProtocolTcp, kProtocolUdp, kProtocolGre, 99});
    if (packet.protocol == kProtocolTcp) packet.tcp_flags = kFlags[random_.Below(kFlags.size())];
    if (random_.OneIn(8)) {
      packet.protocol = ipv6 ? kProtocolIcmpv6 : kProtocolIcmp;
      const uint8_t type = reply ? (ipv6 ? 129 : 0) : (ipv6 ? 128 : 8);
      packet.ports = IcmpWord(type, 0, 5);
    } else if (random_.OneIn(8)) {
      quote_ = {packet.source, packet.destination, packet.ports, packet.protocol};
      packet.quote = &quote_;
      std::swap(packet.source, packet.destination);
      packet.protocol = ipv6 ? kProtocolIcmpv6 : kProtocolIcmp;
      packet.ports = IcmpWord(ipv6 ? 1 : 3, 1, 0);
    }
    if (random_.OneIn(20)) packet.flags |= packet_flag::kChecksumBad;
    return packet;
  }

  std::vector<uint64_t> Sequences() const {
    std::vector<uint64_t> sequences;
    for (uint32_t slot = 0; slot < 4; ++slot) sequences.push_back(tracker_->LastSequence(slot));
    return sequences;
  }

  std::vector<Event> EventsSince(const std::vector<uint64_t>& before) {
    std::vector<Event> events;
    for (uint32_t slot = 0; slot < 4; ++slot) {
      for (uint64_t next = before[slot] + 1; next <= tracker_->LastSequence(slot);) {
        const SlotEvents read = tracker_->ReadEvents(slot, next);
        for (size_t i = 0; i < read.range.count; ++i) events.push_back(read.range[i]);
        next += read.range.count;
      }
    }
    return events;
  }

  // Explains packets one by one, and compares with what they do.
  void Compare(int packets) {
    for (int i = 0; i < packets; ++i) {
      now_ += std::chrono::milliseconds(random_.Below(3'000));
      const Packet packet = RandomPacket();
      // A packet expires what is due in its slot, of which the copy has one
      // connection only.
      tracker_->Advance(zone_, now_);
      tracker_->Expire(now_, SIZE_MAX);
      const std::vector<uint64_t> before = Sequences();
      const uint64_t connections = tracker_->connections();
      const Explanation explained = ExplainPacket(tracker_.get(), zone_, packet, now_);
      ASSERT_EQ(Sequences(), before) << "it changes nothing";
      ASSERT_EQ(tracker_->connections(), connections);
      Verdict verdict;
      tracker_->Process({zone_, now_, 0}, {&packet, 1}, {&verdict, 1});
      ASSERT_EQ(explained.verdict, verdict);
      ASSERT_FALSE(explained.text.empty());
      ++verdicts_[verdict.kind];
      CompareEvents(explained, EventsSince(before));
      CompareAfter(explained, packet);
      if (HasFatalFailure()) return;
    }
  }

  void CompareEvents(const Explanation& explained, const std::vector<Event>& events) {
    ASSERT_EQ(explained.events.size(), events.size());
    for (size_t i = 0; i < events.size(); ++i) {
      const Event& told = explained.events[i];
      ASSERT_EQ(told.type, events[i].type);
      ASSERT_EQ(told.cause, events[i].cause);
      ASSERT_EQ(told.changes, events[i].changes);
      evictions_ += told.cause == EventCause::kEvicted ? 1 : 0;
      ASSERT_EQ(told.time, events[i].time);
      ASSERT_EQ(told.has_tcp_flags, events[i].has_tcp_flags);
      if (told.connection.extra.id != 0) {
        ASSERT_EQ(told.connection.extra.id, events[i].connection.extra.id);
      }
      CompareConnections(told.connection, events[i].connection);
    }
  }

  void CompareAfter(const Explanation& explained, const Packet& packet) {
    const auto directed =
        packet.quote != nullptr ? KeyOfQuote(zone_, packet) : KeyOf(zone_, packet);
    const auto found = directed.has_value() ? tracker_->Find(directed->key, now_) : std::nullopt;
    ASSERT_EQ(explained.after.has_value(), found.has_value());
    if (found.has_value()) CompareConnections(*explained.after, *found);
  }

  void CompareConnections(const StoredConnection& a, const StoredConnection& b) {
    ASSERT_EQ(a.record.status, b.record.status);
    ASSERT_EQ(a.record.deadline, b.record.deadline);
    ASSERT_EQ(a.record.counters[0].packets, b.record.counters[0].packets);
    ASSERT_EQ(a.record.counters[1].bytes, b.record.counters[1].bytes);
    ASSERT_EQ(GaugeOf(a.record), GaugeOf(b.record));
    ASSERT_EQ(a.extra.created, b.extra.created);
    ASSERT_EQ(a.extra.zone_id, b.extra.zone_id);
    ASSERT_EQ(a.ref().source(Direction::kOriginal), b.ref().source(Direction::kOriginal));
  }

  testing::Random random_{testing::TestSeed()};
  std::unique_ptr<Tracker> tracker_;
  ZoneIndex zone_ = 0;
  Time now_ = kStart;
  Quote quote_;
  std::map<VerdictKind, int> verdicts_;
  int evictions_ = 0;
};

TEST_F(ExplainTest, IsWhatHappensThenOnServerTime) {
  Make(ZoneClock::kServer, 1'000);
  Compare(3'000);
  for (const VerdictKind kind : {VerdictKind::kNew, VerdictKind::kEstablished,
                                 VerdictKind::kRelated, VerdictKind::kInvalid}) {
    EXPECT_GT(verdicts_[kind], 20) << static_cast<int>(kind);
  }
}

TEST_F(ExplainTest, IsWhatHappensThenOnPacketTime) {
  Make(ZoneClock::kPacket, 1'000);
  Compare(1'000);
}

TEST_F(ExplainTest, IsWhatHappensThenInAFullZone) {
  Make(ZoneClock::kServer, 5);
  Compare(3'000);
  EXPECT_GT(verdicts_[VerdictKind::kTableFull], 20);
  EXPECT_GT(evictions_, 20);
}

TEST_F(ExplainTest, AConnectionThatExpiresBeforeThePacketIsAnother) {
  Make(ZoneClock::kPacket, 1);
  Packet packet;
  packet.time = kStart;
  packet.source = Ipv4Address(1);
  packet.destination = Ipv4Address(2);
  packet.protocol = kProtocolUdp;
  Verdict verdict;
  tracker_->Process({zone_, kStart, 0}, {&packet, 1}, {&verdict, 1});
  packet.time += std::chrono::seconds(100);
  const Explanation explained = ExplainPacket(tracker_.get(), zone_, packet, kStart);
  EXPECT_EQ(explained.verdict.kind, VerdictKind::kNew);
  ASSERT_EQ(explained.events.size(), 2u);
  EXPECT_EQ(explained.events[0].cause, EventCause::kTimeout);
  EXPECT_EQ(explained.events[0].connection.extra.id, explained.before->extra.id);
  EXPECT_EQ(explained.events[1].type, EventType::kNew);
  EXPECT_EQ(explained.after->extra.id, 0u);
}

}  // namespace
}  // namespace conntrack
