// What two looks say together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/top/picture.h"

namespace conntrack::cli::top {
namespace {

using std::chrono::milliseconds;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Optional;

Look LookAt(int64_t at_ms) {
  Look look;
  look.at = milliseconds(at_ms);
  look.time.set_seconds(1'000 + at_ms / 1'000);
  look.stats.mutable_start_time()->set_seconds(910);
  look.stats.set_software("conntrack-server test");
  return look;
}

void AddState(const char* protocol, const char* state, uint64_t connections, Look* look) {
  v1::StateCount* count = look->stats.add_states();
  count->set_protocol(protocol);
  count->set_state(state);
  count->set_connections(connections);
}

void AddReason(v1::InvalidReason reason, uint64_t packets, Look* look) {
  v1::InvalidCount* count = look->stats.add_invalid();
  count->set_reason(reason);
  count->set_packets(packets);
}

v1::Sensor* AddSensor(const char* id, const char* session, uint64_t applied, Look* look) {
  v1::Sensor* sensor = look->sensors.add_sensors();
  sensor->set_sensor_id(id);
  sensor->set_session_id(session);
  sensor->set_connected(true);
  sensor->set_applied_packets(applied);
  sensor->mutable_counts()->set_captured_packets(applied);
  return sensor;
}

void AddGroup(const char* value, uint64_t connections, uint64_t packets, uint64_t bytes,
              Look* look) {
  look->question.group_by = {"original.source"};
  if (!look->groups.has_value()) look->groups.emplace();
  v1::ConnectionGroup* group = look->groups->add_groups();
  group->add_values(value);
  group->set_connections(connections);
  group->set_packets(packets);
  group->set_bytes(bytes);
  look->groups->set_count(look->groups->count() + connections);
}

TEST(TopPictureTest, OneLookHasTotalsAndNoRates) {
  Look now = LookAt(0);
  now.stats.set_connections(7);
  now.stats.mutable_packets()->set_new_(3);
  AddSensor("edge", "a", 5, &now);
  AddReason(v1::INVALID_REASON_TCP_FLAGS, 2, &now);
  now.zones.add_zones();
  AddGroup("10.0.0.1", 1, 2, 3, &now);
  const Picture picture = Compare(nullptr, now);
  EXPECT_EQ(picture.connections, 7u);
  EXPECT_EQ(picture.software, "conntrack-server test");
  EXPECT_EQ(picture.uptime, "1m30s");
  for (const Rate& rate :
       {picture.packet_rate, picture.new_rate, picture.closed_rate, picture.invalid_rate,
        picture.reasons[0].packet_rate, picture.zones[0].packet_rate,
        picture.sensors[0].packet_rate, picture.sensors[0].lost_rate, picture.groups[0].packet_rate,
        picture.groups[0].byte_rate}) {
    EXPECT_EQ(rate, std::nullopt);
  }
}

TEST(TopPictureTest, RatesAreDifferencesOverTheTimeBetween) {
  Look before = LookAt(0);
  before.stats.mutable_packets()->set_new_(10);
  before.stats.mutable_packets()->set_invalid(1);
  before.stats.mutable_events()->set_new_(4);
  Look now = LookAt(2'000);
  now.stats.mutable_packets()->set_new_(20);
  now.stats.mutable_packets()->set_established(10);
  now.stats.mutable_packets()->set_related(1);
  now.stats.mutable_packets()->set_invalid(5);
  now.stats.mutable_packets()->set_untracked(2);
  now.stats.mutable_packets()->set_table_full(3);
  now.stats.mutable_events()->set_new_(9);
  now.stats.mutable_events()->set_destroy(3);
  const Picture picture = Compare(&before, now);
  EXPECT_THAT(picture.packet_rate, Optional(DoubleEq((41 - 11) / 2.0)));
  EXPECT_THAT(picture.new_rate, Optional(DoubleEq(2.5)));
  EXPECT_THAT(picture.closed_rate, Optional(DoubleEq(1.5)));
  EXPECT_THAT(picture.invalid_rate, Optional(DoubleEq(2)));
}

TEST(TopPictureTest, AServerThatWasRestartedHasNoRates) {
  Look before = LookAt(0);
  Look now = LookAt(1'000);
  now.stats.mutable_start_time()->set_seconds(1'000);
  now.stats.mutable_packets()->set_new_(20);
  EXPECT_EQ(Compare(&before, now).packet_rate, std::nullopt);
}

TEST(TopPictureTest, LooksAtOneMomentHaveNoRates) {
  const Look look = LookAt(5);
  EXPECT_EQ(Compare(&look, look).packet_rate, std::nullopt);
}

TEST(TopPictureTest, HalfOpenAreHandshakesOfTcpUnderWay) {
  Look now = LookAt(0);
  AddState("tcp", "syn_sent", 4, &now);
  AddState("tcp", "syn_recv", 2, &now);
  AddState("tcp", "syn_sent2", 1, &now);
  AddState("tcp", "established", 50, &now);
  AddState("udp", "unreplied", 9, &now);
  const Picture picture = Compare(nullptr, now);
  EXPECT_EQ(picture.half_open, 7u);
  std::vector<std::string> order;
  for (const StateRow& row : picture.states) order.push_back(row.state);
  EXPECT_THAT(order, ElementsAre("established", "unreplied", "syn_sent", "syn_recv", "syn_sent2"));
}

TEST(TopPictureTest, AReasonThatIsNewCountsFromZero) {
  Look before = LookAt(0);
  AddReason(v1::INVALID_REASON_CHECKSUM, 5, &before);
  Look now = LookAt(1'000);
  AddReason(v1::INVALID_REASON_CHECKSUM, 6, &now);
  AddReason(v1::INVALID_REASON_TCP_FLAGS, 8, &now);
  const Picture picture = Compare(&before, now);
  ASSERT_EQ(picture.reasons.size(), 2u);
  EXPECT_EQ(picture.reasons[0].reason, "tcp_flags");
  EXPECT_THAT(picture.reasons[0].packet_rate, Optional(DoubleEq(8)));
  EXPECT_EQ(picture.reasons[1].reason, "checksum");
  EXPECT_THAT(picture.reasons[1].packet_rate, Optional(DoubleEq(1)));
}

TEST(TopPictureTest, ZonesAreMatchedByNumber) {
  Look before = LookAt(0);
  v1::Zone* zone = before.zones.add_zones();
  zone->set_zone(5);
  zone->mutable_packets()->set_invalid(10);
  Look now = LookAt(1'000);
  now.zones.add_zones()->set_zone(1);
  now.zones.mutable_zones(0)->mutable_packets()->set_new_(2);
  zone = now.zones.add_zones();
  zone->set_zone(5);
  zone->mutable_packets()->set_invalid(14);
  const Picture picture = Compare(&before, now);
  EXPECT_THAT(picture.zones[0].packet_rate, Optional(DoubleEq(2)));
  EXPECT_THAT(picture.zones[0].invalid_rate, Optional(DoubleEq(0)));
  EXPECT_THAT(picture.zones[1].packet_rate, Optional(DoubleEq(4)));
  EXPECT_THAT(picture.zones[1].invalid_rate, Optional(DoubleEq(4)));
}

TEST(TopPictureTest, ANewSessionOfASensorCountsFromZero) {
  Look before = LookAt(0);
  AddSensor("one", "a", 100, &before);
  AddSensor("two", "a", 100, &before);
  Look now = LookAt(1'000);
  AddSensor("one", "a", 130, &now)->mutable_counts()->set_kernel_dropped_packets(7);
  AddSensor("two", "b", 20, &now);
  const Picture picture = Compare(&before, now);
  EXPECT_THAT(picture.sensors[0].packet_rate, Optional(DoubleEq(30)));
  EXPECT_EQ(picture.sensors[0].lost, 7u);
  EXPECT_THAT(picture.sensors[0].lost_rate, Optional(DoubleEq(7)));
  EXPECT_EQ(picture.sensors[0].ledger, "counts are 7 packets old");
  EXPECT_THAT(picture.sensors[1].packet_rate, Optional(DoubleEq(20)));
  EXPECT_EQ(picture.sensors[1].ledger, "adds up");
}

TEST(TopPictureTest, GroupsAreMatchedByTheirValues) {
  Look before = LookAt(0);
  AddGroup("10.0.0.1", 1, 10, 1'000, &before);
  AddGroup("10.0.0.2", 5, 90, 9'000, &before);
  Look now = LookAt(1'000);
  AddGroup("10.0.0.2", 2, 40, 4'000, &now);
  AddGroup("10.0.0.1", 1, 16, 1'600, &now);
  AddGroup("10.0.0.3", 1, 3, 300, &now);
  const Picture picture = Compare(&before, now);
  ASSERT_EQ(picture.groups.size(), 3u);
  EXPECT_EQ(picture.matched, 4u);
  // Connections with traffic went: less than nothing was not sent.
  EXPECT_THAT(picture.groups[0].packet_rate, Optional(DoubleEq(0)));
  EXPECT_THAT(picture.groups[1].packet_rate, Optional(DoubleEq(6)));
  EXPECT_THAT(picture.groups[1].byte_rate, Optional(DoubleEq(600)));
  // There was no other before, so all of it is new.
  EXPECT_THAT(picture.groups[2].packet_rate, Optional(DoubleEq(3)));
}

TEST(TopPictureTest, AGroupThatMayHaveBeenAmongTheOthersHasNoRate) {
  Look before = LookAt(0);
  AddGroup("10.0.0.1", 1, 10, 1'000, &before);
  before.groups->mutable_other()->set_connections(3);
  Look now = LookAt(1'000);
  AddGroup("10.0.0.3", 1, 3, 300, &now);
  EXPECT_EQ(Compare(&before, now).groups[0].packet_rate, std::nullopt);
}

TEST(TopPictureTest, GroupsOfAnotherQuestionAreNotCompared) {
  Look before = LookAt(0);
  AddGroup("10.0.0.1", 1, 10, 1'000, &before);
  Look now = LookAt(1'000);
  AddGroup("10.0.0.1", 1, 20, 2'000, &now);
  now.question.filter = "protocol = TCP";
  EXPECT_EQ(Compare(&before, now).groups[0].packet_rate, std::nullopt);
}

}  // namespace
}  // namespace conntrack::cli::top
