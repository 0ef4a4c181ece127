// Events written directly are what the generated classes would write.
#include "server/convert_event.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/testing/naive_filter.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);
constexpr uint64_t kEpoch = 1'699'999'999'999'999;

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  grpc::Slice whole;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&whole).ok());
  return std::string(reinterpret_cast<const char*>(whole.begin()), whole.size());
}

// What an event is on the wire, by the generated class.
v1::Event MessageOf(const Event& event, uint32_t slot, Shown shown, const WireContext& context) {
  const ConnectionRef connection = event.connection.ref();
  v1::Event message;
  message.set_type(shown == Shown::kAsLeft ? v1::EVENT_TYPE_LEFT
                                           : static_cast<v1::EventType>(event.type));
  message.set_cause(static_cast<v1::EventCause>(event.cause));
  if (event.type == EventType::kUpdate) {
    if ((event.changes & change::kReply) != 0) message.add_changes(v1::EVENT_CHANGE_REPLY);
    if ((event.changes & change::kAssured) != 0) message.add_changes(v1::EVENT_CHANGE_ASSURED);
    if ((event.changes & change::kState) != 0) message.add_changes(v1::EVENT_CHANGE_STATE);
    if ((event.changes & change::kMark) != 0) message.add_changes(v1::EVENT_CHANGE_MARK);
    if ((event.changes & change::kLabels) != 0) message.add_changes(v1::EVENT_CHANGE_LABELS);
    if ((event.changes & change::kTimeout) != 0) message.add_changes(v1::EVENT_CHANGE_TIMEOUT);
  }
  ToWire(event.time, message.mutable_time());
  message.set_slot(slot);
  message.set_sequence(event.sequence);
  ToWire(connection, event.now, context, message.mutable_connection());
  if (event.has_tcp_flags) message.set_tcp_flags(event.tcp_flags);
  if (event.type == EventType::kDestroy) {
    ToWire(event.now - connection.created(), message.mutable_lifetime());
  }
  return message;
}

class ConvertEventTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // RandomConnection has sensors 0 to 2.
    for (const char* id : {"edge", "core-1", "a.rather.long.name.of.a.sensor.somewhere"}) {
      ASSERT_TRUE(sensors_.Open(id, {"session", 0, ""}, 1, 0).ok());
    }
  }

  Event RandomEvent() {
    Event event;
    event.connection = testing::RandomConnection(kNow, &random_);
    event.sequence = random_.Next() >> random_.Below(64);
    event.time = kNow + Duration(random_.Below(2'000'000'000));
    event.now = kNow + Duration(random_.Below(2) * random_.Below(2'000'000'000));
    event.connection.extra.created =
        event.now - Duration(random_.Next() >> (20 + random_.Below(44)));
    event.type =
        random_.Pick<EventType>({EventType::kNew, EventType::kUpdate, EventType::kDestroy});
    event.cause = static_cast<EventCause>(1 + random_.Below(5));
    event.changes = static_cast<uint8_t>(random_.Below(64));
    event.has_tcp_flags = event.connection.record.protocol == kProtocolTcp;
    if (event.has_tcp_flags) event.tcp_flags = static_cast<uint8_t>(random_.Next());
    return event;
  }

  SensorRegistry sensors_{3};
  const WireContext context_{&sensors_, 256};
  testing::Random random_{testing::TestSeed()};
};

TEST_F(ConvertEventTest, BytesAreThoseOfTheGeneratedClass) {
  for (int i = 0; i < 100'000; ++i) {
    const Event event = RandomEvent();
    const auto slot = static_cast<uint32_t>(random_.Below(4096));
    const Shown shown = random_.OneIn(4) ? Shown::kAsLeft : Shown::kAsItIs;
    std::vector<char> bytes(kEventRoom);
    WireWriter out(bytes.data());
    WriteEvent(event, slot, shown, context_, &out);
    const v1::Event expected = MessageOf(event, slot, shown, context_);
    ASSERT_EQ(std::string(bytes.data(), out.end()), expected.SerializeAsString())
        << expected.DebugString();
  }
}

TEST_F(ConvertEventTest, TheLongestEventFits) {
  Event event = RandomEvent();
  event.connection.record.protocol = kProtocolTcp;
  event.sequence = UINT64_MAX;
  event.time = TimeFromUnixNanos(-7'111'111'111'111'111'111);
  event.connection.extra.created = event.time;
  event.now = TimeFromUnixNanos(1'111'111'111'111'111'111);
  event.type = EventType::kDestroy;
  event.has_tcp_flags = true;
  event.tcp_flags = 0xFF;
  const v1::Event message = MessageOf(event, UINT32_MAX, Shown::kAsItIs, context_);
  EXPECT_LT(message.ByteSizeLong() - message.connection().ByteSizeLong() + kConnectionRoom +
                WireWriter::kSlack,
            kEventRoom);
}

TEST_F(ConvertEventTest, ABatchOfAnySizeIsWhatTheGeneratedClassReads) {
  EventBatchWriter batch(context_, kEpoch);
  // The last ones are larger than the blocks they are written in.
  for (const size_t count : {0u, 1u, 2u, 100u, 1'000u, 3'000u}) {
    v1::WatchResponse expected;
    for (uint32_t slot = 0; slot < 3; ++slot) {
      const SlotRange range{slot, 1 + random_.Below(100), 1000 + count};
      batch.Cover(range);
      v1::SequenceRange* wire = expected.mutable_events()->add_ranges();
      wire->set_slot(range.slot);
      wire->set_epoch(kEpoch);
      wire->set_first_sequence(range.first);
      wire->set_last_sequence(range.last);
    }
    for (size_t i = 0; i < count; ++i) {
      const Event event = RandomEvent();
      batch.Add(event, 2, Shown::kAsItIs);
      *expected.mutable_events()->add_events() = MessageOf(event, 2, Shown::kAsItIs, context_);
    }
    EXPECT_FALSE(batch.empty());
    const WatchMessage message = batch.Take();
    EXPECT_TRUE(batch.empty());
    ASSERT_EQ(BytesOf(message.bytes), expected.SerializeAsString()) << count;
    EXPECT_EQ(message.size, expected.ByteSizeLong());
    EXPECT_EQ(message.events, count);
    EXPECT_EQ(message.lost, 0u);
    ASSERT_EQ(message.ranges.size(), 3u);
  }
}

TEST_F(ConvertEventTest, ALossSaysHowMuch) {
  const WatchMessage message = MakeLoss({{7, 10, 19}, {255, 1, 1}}, kEpoch);
  EXPECT_EQ(message.lost, 11u);
  EXPECT_EQ(message.events, 0u);
  v1::WatchResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(BytesOf(message.bytes)));
  ASSERT_EQ(parsed.loss().ranges_size(), 2);
  EXPECT_EQ(parsed.loss().ranges(0).ShortDebugString(),
            "slot: 7 epoch: 1699999999999999 first_sequence: 10 last_sequence: 19");
  EXPECT_EQ(parsed.SerializeAsString(), BytesOf(message.bytes));
}

TEST_F(ConvertEventTest, ASnapshotIsWhatTheGeneratedClassReads) {
  SnapshotBatchWriter batch(context_);
  for (const size_t count : {1u, 2u, 256u, 1'000u}) {
    v1::WatchResponse expected;
    for (size_t i = 0; i < count; ++i) {
      const StoredConnection stored = testing::RandomConnection(kNow, &random_);
      batch.Add(stored.ref(), kNow);
      ToWire(stored.ref(), kNow, context_, expected.mutable_snapshot()->add_connections());
    }
    EXPECT_FALSE(batch.empty());
    ASSERT_EQ(BytesOf(batch.Take()), expected.SerializeAsString()) << count;
    EXPECT_TRUE(batch.empty());
  }
}

}  // namespace
}  // namespace conntrack
