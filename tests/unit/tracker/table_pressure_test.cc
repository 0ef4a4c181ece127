// What a full zone does: its limit is exact, only connections of the same zone
// make room, and none that is assured. Scenarios have one zone and few
// connections; here are many of both.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "server/tracker/tracker.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);
constexpr Address kServer = Ipv4Address(0xC6336401);

// The first packet of the connection that client `number` opens. UDP-Lite, which
// is assured with its third packet.
Packet FirstPacket(uint32_t number) {
  Packet packet;
  packet.time = kNow;
  packet.source = Ipv4Address(0x0A000000 + number);
  packet.destination = kServer;
  packet.ports = PortsWord(4000, 53);
  packet.total_length = 40;
  packet.protocol = kProtocolUdplite;
  return packet;
}

Packet Reply(const Packet& packet) {
  Packet reply = packet;
  reply.source = packet.destination;
  reply.destination = packet.source;
  reply.ports = PortsWord(DestinationPort(packet.ports), SourcePort(packet.ports));
  return reply;
}

// A tracker of which each zone has its own limit.
class PressureTest : public ::testing::Test {
 protected:
  PressureTest() : tracker_(Options()) {}

  static TrackerOptions Options() {
    TrackerOptions options;
    options.slot_count = 16;
    options.event_bytes_max = 1u << 20;
    return options;
  }

  ZoneIndex OpenZone(uint32_t id, uint64_t limit) {
    ZoneSettings settings;
    settings.connections_max = limit;
    return tracker_.OpenZone(id, ZoneClock::kServer, settings).value();
  }

  VerdictKind Send(ZoneIndex zone, const Packet& packet) {
    Verdict verdict;
    tracker_.Process({zone, kNow, 0}, std::span(&packet, 1), std::span(&verdict, 1));
    return verdict.kind;
  }

  void OpenAssured(ZoneIndex zone, uint32_t number) {
    const Packet packet = FirstPacket(number);
    ASSERT_EQ(Send(zone, packet), VerdictKind::kNew);
    ASSERT_EQ(Send(zone, Reply(packet)), VerdictKind::kEstablished);
    ASSERT_EQ(Send(zone, packet), VerdictKind::kEstablished);
    ASSERT_TRUE(Find(zone, packet).value().ref().Has(status_bit::kAssured));
  }

  std::optional<StoredConnection> Find(ZoneIndex zone, const Packet& packet) {
    return tracker_.Find(zone, packet.family, packet.protocol, packet.source, packet.destination,
                         packet.ports, kNow);
  }

  uint64_t Count(ZoneIndex zone, VerdictKind kind) const {
    return tracker_.zone(zone).packets[static_cast<size_t>(kind)].load();
  }

  Tracker tracker_;
};

TEST_F(PressureTest, TheLimitIsExact) {
  constexpr uint64_t kLimit = 500;
  const ZoneIndex index = OpenZone(1, kLimit);
  const Zone& zone = tracker_.zone(index);
  for (uint32_t i = 0; i < 10 * kLimit; ++i) {
    const VerdictKind kind = Send(index, FirstPacket(i));
    if (i < kLimit) {
      ASSERT_EQ(kind, VerdictKind::kNew);
    }
    ASSERT_EQ(zone.connections.load(), std::min<uint64_t>(i + 1, kLimit));
  }
  EXPECT_EQ(Count(index, VerdictKind::kNew) + Count(index, VerdictKind::kTableFull), 10 * kLimit);
  EXPECT_EQ(Count(index, VerdictKind::kNew), kLimit + zone.evicted.load());
  EXPECT_EQ(zone.events[2].load(), zone.evicted.load());
  // Most find one that gives way within the buckets looked through.
  EXPECT_GT(zone.evicted.load(), 8 * kLimit);
}

TEST_F(PressureTest, AssuredConnectionsStayAndNewcomersAreRefused) {
  constexpr uint32_t kLimit = 200;
  const ZoneIndex zone = OpenZone(1, kLimit);
  for (uint32_t i = 0; i < kLimit; ++i) OpenAssured(zone, i);
  for (uint32_t i = kLimit; i < 5 * kLimit; ++i) {
    ASSERT_EQ(Send(zone, FirstPacket(i)), VerdictKind::kTableFull);
  }
  EXPECT_EQ(tracker_.zone(zone).evicted.load(), 0u);
  EXPECT_EQ(tracker_.zone(zone).connections.load(), kLimit);
  for (uint32_t i = 0; i < kLimit; ++i) {
    ASSERT_EQ(Send(zone, FirstPacket(i)), VerdictKind::kEstablished);
  }
}

TEST_F(PressureTest, AFloodCostsNoAssuredConnection) {
  constexpr uint32_t kLimit = 300;
  constexpr uint32_t kAssured = 100;
  const ZoneIndex zone = OpenZone(1, kLimit);
  for (uint32_t i = 0; i < kAssured; ++i) OpenAssured(zone, i);
  for (uint32_t i = kAssured; i < 20 * kLimit; ++i) Send(zone, FirstPacket(i));
  EXPECT_GT(tracker_.zone(zone).evicted.load(), 0u);
  EXPECT_EQ(tracker_.zone(zone).connections.load(), kLimit);
  for (uint32_t i = 0; i < kAssured; ++i) {
    ASSERT_TRUE(Find(zone, FirstPacket(i)).has_value()) << i;
  }
}

TEST_F(PressureTest, OneZoneDoesNotStarveAnother) {
  constexpr uint32_t kLimit = 100;
  const ZoneIndex flooded = OpenZone(1, kLimit);
  const ZoneIndex quiet = OpenZone(2, kLimit);
  // The same addresses, so that both lie in the same slots; none is assured.
  for (uint32_t i = 0; i < kLimit / 2; ++i) Send(quiet, FirstPacket(i));
  for (uint32_t i = 0; i < 50 * kLimit; ++i) Send(flooded, FirstPacket(i));
  EXPECT_GT(tracker_.zone(flooded).evicted.load(), 0u);
  EXPECT_EQ(tracker_.zone(flooded).connections.load(), kLimit);

  EXPECT_EQ(tracker_.zone(quiet).evicted.load(), 0u);
  EXPECT_EQ(tracker_.zone(quiet).connections.load(), kLimit / 2);
  for (uint32_t i = kLimit / 2; i < kLimit; ++i) {
    ASSERT_EQ(Send(quiet, FirstPacket(i)), VerdictKind::kNew);
  }
  for (uint32_t i = 0; i < kLimit; ++i) {
    ASSERT_TRUE(Find(quiet, FirstPacket(i)).has_value()) << i;
  }
}

TEST_F(PressureTest, FamiliesShareTheLimitButMakeNoRoomForEachOther) {
  constexpr uint32_t kLimit = 10;
  const ZoneIndex zone = OpenZone(1, kLimit);
  for (uint32_t i = 0; i < kLimit; ++i) Send(zone, FirstPacket(i));
  Packet ipv6 = FirstPacket(0);
  ipv6.family = Family::kIpv6;
  EXPECT_EQ(Send(zone, ipv6), VerdictKind::kTableFull);
  EXPECT_EQ(tracker_.zone(zone).evicted.load(), 0u);
  EXPECT_EQ(tracker_.zone(zone).connections.load(), kLimit);
}

TEST_F(PressureTest, AboveALoweredLimitNewcomersTakeThePlaceOfOthers) {
  constexpr uint32_t kOpen = 64;
  const ZoneIndex zone = OpenZone(1, kOpen);
  for (uint32_t i = 0; i < kOpen; ++i) Send(zone, FirstPacket(i));
  ZoneSettings settings;
  settings.connections_max = kOpen / 2;
  ASSERT_TRUE(tracker_.SetZoneSettings(zone, settings).ok());
  EXPECT_EQ(tracker_.zone(zone).connections.load(), kOpen);

  uint64_t taken = 0;
  for (uint32_t i = kOpen; i < 10 * kOpen; ++i) {
    taken += Send(zone, FirstPacket(i)) == VerdictKind::kNew ? 1 : 0;
    ASSERT_EQ(tracker_.zone(zone).connections.load(), kOpen);
    ASSERT_EQ(tracker_.zone(zone).evicted.load(), taken);
  }
  EXPECT_GT(taken, 0u);
}

}  // namespace
}  // namespace conntrack
