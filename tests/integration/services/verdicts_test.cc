// Verdicts in acks, over a real socket: what each packet was told, and what
// becomes of a client that asks for them and does not read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "conntrack/ingest.h"
#include "conntrack/verdict.h"
#include "server/tracker/packet.h"
#include "tests/integration/services/service_test.h"
#include "tests/testing/wire_sensor.h"

namespace conntrack {
namespace {

using client::PacketVerdict;
using testing::BatchWriter;
using testing::HelloRequest;
using ::testing::IsEmpty;
using testing::WireSensor;

constexpr uint32_t kClient = 0x0A000001;
constexpr uint32_t kServer = 0x0A000002;

v1::IngestRequest HelloForVerdicts() {
  v1::IngestRequest request = HelloRequest("a", 1);
  request.mutable_hello()->set_verdicts(true);
  return request;
}

std::vector<PacketVerdict> Decode(std::string_view bytes) {
  std::vector<PacketVerdict> verdicts;
  for (const char byte : bytes) {
    verdicts.push_back(PacketVerdict::Decode(static_cast<uint8_t>(byte)));
  }
  return verdicts;
}

// One packet of each kind of verdict that a batch can have, and what they are.
BatchWriter SomeOfEach() {
  return BatchWriter()
      .Tcp(0, kClient, 1000, kServer, 80, tcp_flag::kSyn, 1, 0)
      .Tcp(1, kServer, 80, kClient, 1000, tcp_flag::kSyn | tcp_flag::kAck, 1, 2)
      .Tcp(2, kClient, 1000, kServer, 80, tcp_flag::kAck, 2, 2)
      .Tcp(3, kClient, 1001, kServer, 80, tcp_flag::kSyn | tcp_flag::kFin, 1, 0)
      .Tcp(4, kClient, 1002, kServer, 80, tcp_flag::kRst, 1, 0)
      .Udp(5, kClient, 53, kServer, 53)
      .Udp(6, kClient, 53, kServer, 53);
}

const std::vector<PacketVerdict>& VerdictsOfSomeOfEach() {
  static const std::vector<PacketVerdict> verdicts = {
      {.verdict = v1::VERDICT_NEW, .direction = v1::DIRECTION_ORIGINAL},
      {.verdict = v1::VERDICT_ESTABLISHED, .direction = v1::DIRECTION_REPLY},
      {.verdict = v1::VERDICT_ESTABLISHED, .direction = v1::DIRECTION_ORIGINAL},
      {.verdict = v1::VERDICT_INVALID, .reason = v1::INVALID_REASON_TCP_FLAGS},
      {.verdict = v1::VERDICT_INVALID, .reason = v1::INVALID_REASON_TCP_NO_CONNECTION},
      {.verdict = v1::VERDICT_NEW, .direction = v1::DIRECTION_ORIGINAL},
      {.verdict = v1::VERDICT_NEW, .direction = v1::DIRECTION_ORIGINAL},
  };
  return verdicts;
}

class VerdictsTest : public ServiceTest {};

TEST_F(VerdictsTest, EachPacketOfEachAppliedBatchHasOne) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloForVerdicts()));
  ASSERT_TRUE(sensor.Send(SomeOfEach().Request(1)));
  const auto first = sensor.ReceiveAck(1);
  ASSERT_TRUE(first.has_value());
  ASSERT_EQ(first->verdicts_size(), 1);
  EXPECT_EQ(first->verdicts(0).sequence(), 1u);
  EXPECT_EQ(Decode(first->verdicts(0).verdicts()), VerdictsOfSomeOfEach());
  // What came again, or was rejected, has none.
  ASSERT_TRUE(sensor.Send(SomeOfEach().Request(1)));
  v1::IngestRequest bad = SomeOfEach().Request(2);
  bad.mutable_batch()->mutable_packets()->add_source(1);
  ASSERT_TRUE(sensor.Send(bad));
  const auto second = sensor.ReceiveAck(2);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->rejected_size(), 1);
  EXPECT_THAT(second->verdicts(), IsEmpty());
}

// The server tracks together what comes together; no answer shows it.
TEST_F(VerdictsTest, BatchesThatComeTogetherAreAnsweredEach) {
  constexpr uint64_t kBatches = 300;
  const auto is_bad = [](uint64_t sequence) { return sequence % 50 == 0; };
  const auto packets_of = [](uint64_t sequence) { return 1 + sequence % 3; };
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloForVerdicts()));
  uint64_t duplicates = 0;
  for (uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
    const auto port = static_cast<uint16_t>(1000 + sequence);
    BatchWriter batch;
    batch.Tcp(0, kClient, port, kServer, 80, tcp_flag::kSyn, 1, 0);
    for (uint64_t i = 1; i < packets_of(sequence); ++i) {
      batch.Tcp(1, kServer, 80, kClient, port, tcp_flag::kSyn | tcp_flag::kAck, 1, 2);
    }
    v1::IngestRequest request = batch.Request(sequence);
    if (is_bad(sequence)) request.mutable_batch()->mutable_packets()->add_source(1);
    ASSERT_TRUE(sensor.Send(request));
    if (sequence % 7 != 0) continue;
    ASSERT_TRUE(sensor.Send(request));
    duplicates += static_cast<uint64_t>(request.batch().packets().kind_size());
  }
  sensor.HalfClose();
  uint64_t judged = 0;
  uint64_t rejected = 0;
  uint64_t applied = 0;
  while (const auto response = sensor.Receive()) {
    applied = response->ack().applied_sequence();
    for (const v1::RejectedBatch& batch : response->ack().rejected()) {
      EXPECT_EQ(batch.sequence(), rejected += 50);
    }
    for (const v1::BatchVerdicts& batch : response->ack().verdicts()) {
      if (is_bad(++judged)) ++judged;
      ASSERT_EQ(batch.sequence(), judged);
      EXPECT_LE(judged, applied);
      const std::vector<PacketVerdict> verdicts = Decode(batch.verdicts());
      ASSERT_EQ(verdicts.size(), packets_of(judged));
      EXPECT_EQ(verdicts[0], VerdictsOfSomeOfEach()[0]) << judged;
      for (size_t i = 1; i < verdicts.size(); ++i) {
        EXPECT_EQ(verdicts[i], VerdictsOfSomeOfEach()[1]) << judged;
      }
    }
  }
  EXPECT_TRUE(sensor.Finish().ok());
  EXPECT_EQ(applied, kBatches);
  EXPECT_EQ(judged, kBatches - 1);
  EXPECT_EQ(rejected, kBatches);
  EXPECT_EQ(SensorRow("a").duplicate_packets(), duplicates);
  EXPECT_EQ(server().tracker().connections(), kBatches - kBatches / 50);
}

// So many packets come at once that two threads serve the stream. Each batch has the next
// packet of each of many connections, so that each verdict tells when one came too early.
TEST_F(VerdictsTest, ManyPacketsAtOnceKeepTheirOrder) {
  constexpr uint64_t kBatches = 90;
  constexpr uint32_t kConnections = 2'000;
  constexpr uint64_t kBad = 31;
  constexpr uint64_t kTwice = 52;
  const auto batch_of = [](uint64_t number) {
    BatchWriter batch;
    for (uint32_t i = 0; i < kConnections; ++i) {
      const uint32_t client = kClient + 256 * i;
      if (number == 0) {
        batch.Tcp(0, client, 1000, kServer, 80, tcp_flag::kSyn, 1, 0);
      } else if (number == 1) {
        batch.Tcp(1, kServer, 80, client, 1000, tcp_flag::kSyn | tcp_flag::kAck, 1, 2);
      } else if (number < kBatches - 2) {
        batch.Tcp(2, client, 1000, kServer, 80, tcp_flag::kAck, 2, 2);
      } else if (number == kBatches - 2) {
        batch.Tcp(3, client, 1000, kServer, 80, tcp_flag::kRst, 2, 0);
      } else {
        batch.Tcp(4, client, 1000, kServer, 80, tcp_flag::kSyn, 1'000'000, 0);
      }
    }
    return batch;
  };
  const PacketVerdict original = {.verdict = v1::VERDICT_ESTABLISHED,
                                  .direction = v1::DIRECTION_ORIGINAL};
  const std::vector<PacketVerdict>& some = VerdictsOfSomeOfEach();
  for (const v1::Clock clock : {v1::CLOCK_SERVER, v1::CLOCK_PACKET}) {
    const std::string id = v1::Clock_Name(clock);
    std::vector<v1::IngestRequest> requests = {HelloRequest(id, clock)};
    requests[0].mutable_hello()->set_verdicts(true);
    requests[0].mutable_hello()->set_clock(clock);
    for (uint64_t number = 0; number < kBatches; ++number) {
      if (requests.size() == kBad) {
        requests.push_back(SomeOfEach().Request(kBad));
        requests.back().mutable_batch()->mutable_packets()->add_source(1);
      }
      requests.push_back(batch_of(number).Request(requests.size() - (number > kTwice ? 1 : 0)));
      if (number == kTwice) requests.push_back(requests.back());
    }
    WireSensor sensor(channel());
    for (const v1::IngestRequest& request : requests) ASSERT_TRUE(sensor.Send(request));
    sensor.HalfClose();
    uint64_t judged = 0;
    while (const auto response = sensor.Receive()) {
      for (const v1::BatchVerdicts& batch : response->ack().verdicts()) {
        ASSERT_EQ(batch.sequence(), judged + (judged < kBad - 1 ? 1 : 2));
        const PacketVerdict wanted = judged == 0 || judged == kBatches - 1 ? some[0]
                                     : judged == 1                         ? some[1]
                                                                           : original;
        EXPECT_EQ(Decode(batch.verdicts()), std::vector(kConnections, wanted)) << judged;
        ++judged;
      }
    }
    EXPECT_TRUE(sensor.Finish().ok());
    EXPECT_EQ(judged, kBatches);
    const v1::Sensor row = SensorRow(id);
    EXPECT_EQ(row.applied_packets(), kBatches * kConnections);
    EXPECT_EQ(row.rejected_packets(), some.size());
    EXPECT_EQ(row.duplicate_packets(), kConnections);
  }
}

TEST_F(VerdictsTest, WhoDoesNotAskGetsNone) {
  WireSensor sensor(channel());
  ASSERT_TRUE(sensor.Send(HelloRequest("a", 1)));
  ASSERT_TRUE(sensor.Send(SomeOfEach().Request(1)));
  const auto ack = sensor.ReceiveAck(1);
  ASSERT_TRUE(ack.has_value());
  EXPECT_THAT(ack->verdicts(), IsEmpty());
}

TEST_F(VerdictsTest, ASessionGivesThemBackWithTheirBatches) {
  std::vector<uint64_t> times;
  size_t wrong = 0;
  client::IngestOptions options;
  options.sensor_id = "a";
  options.on_verdicts = [&](const v1::PacketBatch& batch, std::string_view verdicts) {
    times.push_back(batch.base_time_unix_ns());
    // The second time the connections are known.
    if (times.size() == 1 && Decode(verdicts) != VerdictsOfSomeOfEach()) ++wrong;
    if (verdicts.size() != static_cast<size_t>(batch.kind_size())) ++wrong;
  };
  const auto session = client::IngestSession::Start(channel(), options);
  ASSERT_TRUE(session.ok()) << session.status();
  std::vector<uint64_t> sent;
  for (int i = 0; i < 100; ++i) {
    v1::PacketBatch batch = SomeOfEach().Take();
    batch.set_base_time_unix_ns(batch.base_time_unix_ns() + static_cast<uint64_t>(i));
    sent.push_back(batch.base_time_unix_ns());
    ASSERT_TRUE((*session)->Send(std::move(batch)).ok());
  }
  const absl::Status finished = (*session)->Finish(std::chrono::seconds(30));
  EXPECT_TRUE(finished.ok()) << finished;
  EXPECT_EQ(times, sent);
  EXPECT_EQ(wrong, 0u);
}

TEST_F(VerdictsTest, AClientThatDoesNotReadIsReadNoFurther) {
  constexpr uint64_t kBatches = 3'000;
  constexpr int kPackets = 4'096;
  BatchWriter writer;
  for (int i = 0; i < kPackets; ++i) writer.Udp(0, kClient, 53, kServer, 53);
  v1::IngestRequest request = writer.Request(1);
  grpc::ClientContext context;
  const auto stub = v1::IngestService::NewStub(channel());
  const auto stream = stub->Ingest(&context);
  ASSERT_TRUE(stream->Write(HelloForVerdicts()));
  v1::IngestResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(response.has_welcome());
  std::thread sender([&] {
    for (uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
      request.mutable_batch()->set_sequence(sequence);
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
  });
  // Nothing more is applied after a while, and much was not.
  using std::chrono::steady_clock;
  uint64_t applied = 0;
  for (auto changed = steady_clock::now();
       applied == 0 || steady_clock::now() < changed + std::chrono::milliseconds(500);) {
    const uint64_t now = SensorRow("a").applied_packets();
    if (now != applied) changed = steady_clock::now();
    applied = now;
  }
  EXPECT_LT(applied, kBatches * kPackets / 2);
  // Then it reads, and nothing is missing.
  uint64_t next = 1;
  size_t wrong = 0;
  while (stream->Read(&response)) {
    for (const v1::BatchVerdicts& verdicts : response.ack().verdicts()) {
      if (verdicts.sequence() != next || verdicts.verdicts().size() != kPackets) ++wrong;
      ++next;
    }
  }
  sender.join();
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(next, kBatches + 1);
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(SensorRow("a").applied_packets(), kBatches * kPackets);
}

}  // namespace
}  // namespace conntrack
