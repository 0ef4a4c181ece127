// A connection that was told comes back as it was, but for what the wire does not
// say.
#include "server/convert_stored.h"

#include <gtest/gtest.h>

#include <string>

#include "server/convert.h"
#include "server/tracker/tracker.h"
#include "tests/testing/naive_filter.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

class ConvertStoredTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* id : {"edge", "core-1", "other"}) {
      ASSERT_TRUE(sensors_.Open(id, {"session", 0, ""}, 1, 0).ok());
    }
  }

  std::string ErrorOf(const v1::Connection& connection) {
    const auto stored = FromWire(connection, kNow, sensors_);
    EXPECT_FALSE(stored.ok());
    return std::string(stored.status().message());
  }

  v1::Connection Udp() {
    v1::Connection connection;
    connection.set_protocol(v1::PROTOCOL_UDP);
    connection.mutable_original()->set_source_address("2001:db8::1");
    connection.mutable_original()->set_destination_address("2001:db8::2");
    connection.mutable_original()->mutable_ports()->set_destination(53);
    connection.mutable_timeout()->set_seconds(30);
    return connection;
  }

  SensorRegistry sensors_{3};
  const WireContext context_{&sensors_, 256};
};

// Through the wire, back, into a tracker, and out again.
TEST_F(ConvertStoredTest, WhatIsToldIsRestored) {
  testing::Random random(testing::TestSeed());
  TrackerOptions options;
  options.slot_count = 256;
  Tracker tracker(options);
  const ZoneIndex zone = *tracker.OpenZone(1, ZoneClock::kServer, ZoneSettings());
  int restored = 0;
  for (int i = 0; i < 20'000; ++i) {
    StoredConnection original = testing::RandomConnection(kNow, &random);
    Record& record = original.record;
    record.status = status_bit::kConfirmed | (random.OneIn(2) ? status_bit::kSeenReply : 0) |
                    (random.OneIn(2) ? status_bit::kAssured : 0);
    record.deadline = kNow + Duration(1 + random.Below(3'000'000'000'000));
    original.extra.zone_id = 1;
    // What a tracker has: keys in order, a state, creation before the last packet.
    original.extra.created = kNow - std::chrono::hours(3);
    record.timeout_ms = static_cast<uint32_t>(
        (record.deadline - kNow) / std::chrono::milliseconds(1) + random.Below(1'000'000));
    if (IsIcmpOf(original.ref().family(), record.protocol)) {
      record.ports = IcmpWord(record.ipv6 ? 128 : 8, 0, IcmpId(record.ports));
      record.original_from_first = 1;
    } else if (!HasPorts(record.protocol)) {
      record.ports = 0;
    }
    if (record.protocol == kProtocolTcp && record.tcp.state == TcpState::kNone) continue;
    if (record.protocol == kProtocolSctp && record.sctp.state == SctpState::kNone) continue;
    v1::Connection told;
    ToWire(original.ref(), kNow, context_, &told);
    const absl::StatusOr<StoredConnection> read = FromWire(told, kNow, sensors_);
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << told.DebugString();
    const Restored outcome = tracker.Restore(*read, zone, kNow);
    if (outcome == Restored::kExists) continue;
    ASSERT_EQ(outcome, Restored::kDone);
    ++restored;
    const std::optional<StoredConnection> found = tracker.Find(
        zone, original.ref().family(), record.protocol, original.ref().source(Direction::kOriginal),
        original.ref().destination(Direction::kOriginal),
        original.ref().ports(Direction::kOriginal), kNow);
    ASSERT_TRUE(found.has_value());
    v1::Connection again;
    ToWire(found->ref(), kNow, context_, &again);
    again.set_id(told.id());
    again.set_slot(told.slot());
    // The wire's times have more digits than the timeout that is kept.
    const auto nanos = [](const v1::Connection& connection) {
      const google::protobuf::Timestamp& time = connection.last_seen_time();
      return time.seconds() * 1'000'000'000 + time.nanos();
    };
    ASSERT_GE(nanos(again), nanos(told));
    ASSERT_LT(nanos(again), nanos(told) + 1'000'000);
    again.clear_last_seen_time();
    told.clear_last_seen_time();
    ASSERT_EQ(again.ShortDebugString(), told.ShortDebugString());
  }
  EXPECT_GT(restored, 5'000);
  EXPECT_EQ(tracker.connections(), static_cast<uint64_t>(restored));
  // Each is armed, and ends in its time.
  EXPECT_EQ(tracker.Expire(kNow + std::chrono::hours(2), SIZE_MAX), static_cast<size_t>(restored));
  EXPECT_EQ(tracker.connections(), 0u);
}

TEST_F(ConvertStoredTest, WhatCannotBeIsNamed) {
  EXPECT_TRUE(FromWire(Udp(), kNow, sensors_).ok());
  v1::Connection connection = Udp();
  connection.mutable_original()->clear_ports();
  EXPECT_EQ(ErrorOf(connection), "original.ports is missing");
  connection.set_protocol(v1::PROTOCOL_ICMPV6);
  connection.mutable_original()->mutable_icmp()->set_type(129);
  EXPECT_EQ(ErrorOf(connection), "original.icmp.type 129 asks nothing");
  connection = Udp();
  connection.mutable_tcp()->set_state(v1::TCP_STATE_CLOSE);
  EXPECT_EQ(ErrorOf(connection), "tcp is set, but not for TCP");
  connection = Udp();
  connection.set_protocol(v1::PROTOCOL_SCTP);
  EXPECT_EQ(ErrorOf(connection), "sctp is missing");
  connection.mutable_sctp();
  EXPECT_EQ(ErrorOf(connection), "sctp.state 0 is not a state");
  connection = Udp();
  connection.set_protocol(v1::PROTOCOL_TCP);
  connection.mutable_tcp()->set_state(v1::TCP_STATE_ESTABLISHED);
  connection.mutable_tcp()->mutable_reply()->set_window_scale(15);
  EXPECT_EQ(ErrorOf(connection), "tcp.reply.window_scale 15 is above 14");
  connection = Udp();
  connection.mutable_timeout()->set_seconds(3'456'001);
  EXPECT_EQ(ErrorOf(connection), "timeout 3456001s and 0ns is not between 0s and 3456000s");
  connection = Udp();
  connection.mutable_create_time()->set_nanos(-1);
  EXPECT_EQ(ErrorOf(connection), "create_time 0s and -1ns is out of range");
}

TEST_F(ConvertStoredTest, TcpWithoutPeersIsAsPickedUp) {
  v1::Connection connection = Udp();
  connection.set_protocol(v1::PROTOCOL_TCP);
  connection.mutable_tcp()->set_state(v1::TCP_STATE_ESTABLISHED);
  connection.set_sensor_id("unknown");
  connection.mutable_create_time()->set_seconds(4'000'000'000);
  const auto stored = FromWire(connection, kNow, sensors_);
  ASSERT_TRUE(stored.ok());
  for (const TcpPeer& peer : stored->record.tcp.peer) {
    EXPECT_EQ(peer.flags, tcp_peer_flag::kLiberal);
  }
  EXPECT_EQ(stored->record.sensor, kNoSensor);
  EXPECT_EQ(sensors_.Find(kNoSensor), nullptr);
  EXPECT_EQ(stored->extra.created, kNow);
  EXPECT_EQ(stored->ref().last_seen(), kNow);
}

}  // namespace
}  // namespace conntrack
