// The ingest protocol over a real socket: what it promises, and the documented
// answer to each way of breaking it.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "server/tracker/packet.h"
#include "tests/integration/services/service_test.h"
#include "tests/testing/wire_sensor.h"

namespace conntrack {
namespace {

using testing::BatchWriter;
using testing::HelloRequest;
using testing::WireSensor;

constexpr uint32_t kClient = 0x0A000001;
constexpr uint32_t kServer = 0x0A000002;

BatchWriter OneSyn(uint16_t port = 1000) {
  return BatchWriter().Tcp(0, kClient, port, kServer, 80, tcp_flag::kSyn, 1, 0);
}

class IngestTest : public ServiceTest {};

TEST_F(IngestTest, WelcomeNamesTheLimits) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  const auto response = sensor.Receive();
  ASSERT_TRUE(response.has_value());
  ASSERT_TRUE(response->has_welcome());
  EXPECT_EQ(response->welcome().applied_sequence(), 0u);
  EXPECT_EQ(response->welcome().batch_packets_max(), 4096u);
  EXPECT_EQ(response->welcome().message_bytes_max(), 4u << 20);
  EXPECT_EQ(response->welcome().slot_count(), 256u);
  EXPECT_EQ(response->welcome().clock(), v1::CLOCK_PACKET);
}

TEST_F(IngestTest, HalfCloseIsAnsweredWithTheLastAckAndOk) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    ASSERT_TRUE(sensor.Send(OneSyn(static_cast<uint16_t>(sequence)).Request(sequence)));
  }
  sensor.HalfClose();
  const auto ack = sensor.ReceiveAck(3);
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->rejected_size(), 0);
  EXPECT_TRUE(sensor.Finish().ok());
  EXPECT_EQ(server().tracker().connections(), 3u);
}

TEST_F(IngestTest, OldSequencesAreAcknowledgedAndIgnored) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  ASSERT_TRUE(sensor.Send(OneSyn().Request(1)));
  ASSERT_TRUE(sensor.Send(OneSyn(2000).Request(1)));
  ASSERT_TRUE(sensor.Send(OneSyn(3000).Request(2)));
  ASSERT_TRUE(sensor.ReceiveAck(2).has_value());
  EXPECT_EQ(server().tracker().connections(), 2u);
  const v1::Sensor row = SensorRow("a");
  EXPECT_EQ(row.applied_packets(), 2u);
  EXPECT_EQ(row.duplicate_packets(), 1u);
}

TEST_F(IngestTest, ASessionGoesOnWhereItWas) {
  {
    WireSensor sensor(channel());
    ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
    ASSERT_TRUE(sensor.Send(OneSyn().Request(1)));
    ASSERT_TRUE(sensor.ReceiveAck(1).has_value());
    sensor.HalfClose();
    ASSERT_TRUE(sensor.Finish().ok());
  }
  WireSensor again(channel());
  ASSERT_TRUE(again.Send(HelloRequest("a", 1)));
  const auto response = again.Receive();
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->welcome().applied_sequence(), 1u);
}

TEST_F(IngestTest, AnUnknownSessionStartsAtItsFirstSequence) {
  v1::IngestRequest hello = HelloRequest("a", 1);
  hello.mutable_hello()->set_first_sequence(41);
  hello.mutable_hello()->set_acknowledged_packets(500);
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(hello));
  ASSERT_TRUE(sensor.Send(OneSyn().Request(41)));
  ASSERT_TRUE(sensor.ReceiveAck(41).has_value());
  EXPECT_EQ(SensorRow("a").earlier_packets(), 500u);
}

TEST_F(IngestTest, ARejectedBatchIsAcknowledgedAndTheStreamGoesOn) {
  v1::IngestRequest bad = OneSyn().Request(1);
  bad.mutable_batch()->mutable_packets()->add_ports(7);
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  ASSERT_TRUE(sensor.Send(bad));
  ASSERT_TRUE(sensor.Send(OneSyn().Request(2)));
  const auto ack = sensor.ReceiveAck(2);
  ASSERT_TRUE(ack.has_value());
  ASSERT_EQ(ack->rejected_size(), 1);
  EXPECT_EQ(ack->rejected(0).sequence(), 1u);
  EXPECT_EQ(ack->rejected(0).reason(), v1::BATCH_REJECTION_COLUMN_LENGTH);
  EXPECT_EQ(ack->rejected(0).detail(), "column ports has 2 elements, not 1");
  EXPECT_EQ(SensorRow("a").rejected_packets(), 1u);
  EXPECT_EQ(server().tracker().connections(), 1u);
}

TEST_F(IngestTest, HeartbeatsMoveTheClockOfAZoneOnPacketTime) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  ASSERT_TRUE(sensor.Send(OneSyn().Request(1)));
  ASSERT_TRUE(sensor.ReceiveAck(1).has_value());
  v1::IngestRequest heartbeat;
  heartbeat.mutable_heartbeat()->set_time_unix_ns(1'700'000'121'000'000'000);
  heartbeat.mutable_heartbeat()->mutable_counts()->set_captured_packets(5);
  heartbeat.mutable_heartbeat()->mutable_counts()->set_kernel_dropped_packets(4);
  ASSERT_TRUE(sensor.Send(heartbeat));
  sensor.HalfClose();
  ASSERT_TRUE(sensor.Finish().ok());
  // 120 s of SYN_SENT are over; a Get does not find it even before its DESTROY.
  v1::CountConnectionsResponse count = CountConnections("");
  EXPECT_EQ(count.count(), 0u);
  EXPECT_EQ(SensorRow("a").counts().captured_packets(), 5u);
  EXPECT_EQ(SensorRow("a").counts().kernel_dropped_packets(), 4u);
}

TEST_F(IngestTest, AZoneKeepsItsClock) {
  WireSensor first(channel());
  ASSERT_TRUE(first.Send(HelloRequest("a", 1)));
  ASSERT_TRUE(first.Receive().has_value());
  v1::IngestRequest hello = HelloRequest("b", 1);
  hello.mutable_hello()->set_clock(v1::CLOCK_SERVER);
  WireSensor second(channel());
  ASSERT_TRUE(second.Send(hello));
  const grpc::Status status = second.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "zone 1 runs on packet time");
}

TEST_F(IngestTest, ASensorHasOneStream) {
  WireSensor first(channel());
  ASSERT_TRUE(first.Send(HelloRequest("a", 1)));
  ASSERT_TRUE(first.Receive().has_value());
  WireSensor second(channel());
  ASSERT_TRUE(second.Send(HelloRequest("a", 1)));
  EXPECT_EQ(second.Finish().error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

// A way to break the protocol after `hello` was welcomed or instead of it.
struct Misbehaviour {
  const char* name;
  bool says_hello;
  grpc::StatusCode code;
  const char* message;
  std::function<std::string()> bytes;
};

class IngestMisbehaviourTest : public ServiceTest,
                               public ::testing::WithParamInterface<Misbehaviour> {};

TEST_P(IngestMisbehaviourTest, GetsItsAnswerAndDisturbsNobody) {
  const Misbehaviour& row = GetParam();
  WireSensor good(channel());
  ASSERT_TRUE(good.Send(HelloRequest("good", 7)));
  ASSERT_TRUE(good.Send(OneSyn(1).Request(1)));
  ASSERT_TRUE(good.ReceiveAck(1).has_value());

  WireSensor bad(channel());
  if (row.says_hello) {
    ASSERT_TRUE(bad.Send(HelloRequest("bad", 8)));
    ASSERT_TRUE(bad.Receive().has_value());
  }
  bad.SendBytes(row.bytes());
  const grpc::Status status = bad.Finish();
  EXPECT_EQ(status.error_code(), row.code) << status.error_message();
  EXPECT_NE(status.error_message().find(row.message), std::string::npos) << status.error_message();

  ASSERT_TRUE(good.Send(OneSyn(2).Request(2)));
  ASSERT_TRUE(good.ReceiveAck(2).has_value());
  good.HalfClose();
  EXPECT_TRUE(good.Finish().ok());
  EXPECT_EQ(CountConnections("zone = 7").count(), 2u);
  EXPECT_EQ(CountConnections("zone = 8").count(), 0u);
}

std::string Bytes(const v1::IngestRequest& request) { return request.SerializeAsString(); }

std::string SpoiltHello(const std::function<void(v1::Hello*)>& spoil) {
  v1::IngestRequest request = HelloRequest("bad", 8);
  spoil(request.mutable_hello());
  return Bytes(request);
}

const std::vector<Misbehaviour> kMisbehaviours = {
    {"Garbage", true, grpc::StatusCode::INVALID_ARGUMENT, "message 2 is not an IngestRequest",
     [] { return std::string("\xff\xff\xff\xff\xff", 5); }},
    {"GarbageInsteadOfHello", false, grpc::StatusCode::INVALID_ARGUMENT,
     "message 1 is not an IngestRequest", [] { return std::string("\x0a\xff\x01", 3); }},
    {"EmptyMessage", true, grpc::StatusCode::INVALID_ARGUMENT, "message 2 is empty",
     [] { return std::string(); }},
    {"NoHello", false, grpc::StatusCode::INVALID_ARGUMENT, "message 1 is not a hello",
     [] { return Bytes(OneSyn().Request(1)); }},
    {"SecondHello", true, grpc::StatusCode::INVALID_ARGUMENT, "message 2 is a second hello",
     [] { return Bytes(HelloRequest("bad", 8)); }},
    {"GapInTheSequence", true, grpc::StatusCode::FAILED_PRECONDITION,
     "batch 3 after batch 0: a gap", [] { return Bytes(OneSyn().Request(3)); }},
    {"SequenceZero", true, grpc::StatusCode::INVALID_ARGUMENT, "batch.sequence 0 is below 1",
     [] { return Bytes(OneSyn().Request(0)); }},
    {"MessageAboveTheLimit", true, grpc::StatusCode::RESOURCE_EXHAUSTED, "larger than max",
     [] {
       v1::IngestRequest request = OneSyn().Request(1);
       request.mutable_batch()->mutable_packets()->set_source_ipv6(std::string(4u << 20, 'x'));
       return Bytes(request);
     }},
    {"MessageFarAboveTheLimit", true, grpc::StatusCode::RESOURCE_EXHAUSTED, "",
     [] {
       v1::IngestRequest request = OneSyn().Request(1);
       request.mutable_batch()->mutable_packets()->set_source_ipv6(std::string(32u << 20, 'x'));
       return Bytes(request);
     }},
    {"NoSensorId", false, grpc::StatusCode::INVALID_ARGUMENT, "hello.sensor_id",
     [] { return SpoiltHello([](auto* hello) { hello->clear_sensor_id(); }); }},
    {"SensorIdWithASpace", false, grpc::StatusCode::INVALID_ARGUMENT, "hello.sensor_id",
     [] { return SpoiltHello([](auto* hello) { hello->set_sensor_id("a b"); }); }},
    {"NoSessionId", false, grpc::StatusCode::INVALID_ARGUMENT, "hello.session_id",
     [] { return SpoiltHello([](auto* hello) { hello->clear_session_id(); }); }},
    {"NoFirstSequence", false, grpc::StatusCode::INVALID_ARGUMENT, "hello.first_sequence",
     [] { return SpoiltHello([](auto* hello) { hello->clear_first_sequence(); }); }},
    {"UnknownClock", false, grpc::StatusCode::INVALID_ARGUMENT, "hello.clock 9",
     [] { return SpoiltHello([](auto* hello) { hello->set_clock(static_cast<v1::Clock>(9)); }); }},
};

INSTANTIATE_TEST_SUITE_P(Ways, IngestMisbehaviourTest, ::testing::ValuesIn(kMisbehaviours),
                         [](const auto& row) { return std::string(row.param.name); });

// Batches that are rejected and leave their stream alive.
struct RejectedRow {
  const char* name;
  v1::BatchRejection reason;
  std::function<void(v1::PacketBatch*)> spoil;
};

class IngestRejectionTest : public ServiceTest,
                            public ::testing::WithParamInterface<RejectedRow> {};

TEST_P(IngestRejectionTest, IsAcknowledgedWithItsReason) {
  v1::IngestRequest request = OneSyn().Request(1);
  GetParam().spoil(request.mutable_batch()->mutable_packets());
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  ASSERT_TRUE(sensor.Send(request));
  const auto ack = sensor.ReceiveAck(1);
  ASSERT_TRUE(ack.has_value());
  ASSERT_EQ(ack->rejected_size(), 1);
  EXPECT_EQ(ack->rejected(0).reason(), GetParam().reason) << ack->rejected(0).detail();
  EXPECT_EQ(server().tracker().connections(), 0u);
  sensor.HalfClose();
  EXPECT_TRUE(sensor.Finish().ok());
}

const std::vector<RejectedRow> kRejections = {
    {"ColumnsOfUnequalLength", v1::BATCH_REJECTION_COLUMN_LENGTH,
     [](auto* batch) { batch->add_sequence(1); }},
    {"AbsurdCount", v1::BATCH_REJECTION_TOO_MANY_PACKETS,
     [](auto* batch) { batch->mutable_kind()->Resize(500'000, 6); }},
    {"IndexOutOfRange", v1::BATCH_REJECTION_INDEX_OUT_OF_RANGE,
     [](auto* batch) { batch->mutable_malformed()->add_index(0xFFFFFFFF); }},
    {"UnknownLayout", v1::BATCH_REJECTION_LAYOUT,
     [](auto* batch) { batch->set_layout(static_cast<v1::PacketLayout>(7)); }},
};

INSTANTIATE_TEST_SUITE_P(Rows, IngestRejectionTest, ::testing::ValuesIn(kRejections),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace conntrack
