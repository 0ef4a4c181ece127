// An ingest session against a server that misbehaves: every packet is accounted
// for, and nothing is sent again that was acknowledged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <numeric>
#include <thread>

#include "conntrack/channel.h"
#include "conntrack/ingest.h"
#include "tests/testing/fake_ingest_server.h"

namespace conntrack::client {
namespace {

using conntrack::testing::FakeIngestServer;
using conntrack::testing::StreamScript;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kPacketsABatch = 3;

// The base time tells batches apart.
v1::PacketBatch BatchAt(uint64_t time) {
  v1::PacketBatch batch;
  batch.set_layout(v1::PACKET_LAYOUT_IPV4);
  batch.set_base_time_unix_ns(time);
  for (int i = 0; i < kPacketsABatch; ++i) batch.add_kind(6);
  return batch;
}

IngestOptions Options() {
  IngestOptions options;
  options.sensor_id = "test";
  options.backoff_min = milliseconds(1);
  options.backoff_max = milliseconds(20);
  return options;
}

std::vector<uint64_t> UpTo(uint64_t last) {
  std::vector<uint64_t> numbers(last);
  std::iota(numbers.begin(), numbers.end(), 1);
  return numbers;
}

class IngestSessionTest : public ::testing::Test {
 protected:
  void Start(const IngestOptions& options = Options()) {
    ChannelOptions channel_options;
    channel_options.server = server_.address();
    auto channel = OpenChannel(channel_options);
    ASSERT_TRUE(channel.ok()) << channel.status();
    auto session = IngestSession::Start(*channel, options);
    ASSERT_TRUE(session.ok()) << session.status();
    session_ = *std::move(session);
  }

  // Sends batches `first` to `last`.
  void Send(uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; ++i) {
      const absl::Status status = session_->Send(BatchAt(i));
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  // Waits until the first stream has received that many batches.
  bool FirstStreamReceived(size_t batches) {
    return server_.WaitFor([&] {
      const auto received = server_.received();
      return !received.empty() && received[0].size() == batches;
    });
  }

  void ExpectCountsAddUp() {
    const IngestCounts counts = session_->counts();
    EXPECT_EQ(counts.sent_batches, counts.acknowledged_batches + counts.rejected_batches +
                                       counts.dropped_batches + counts.pending_batches);
    EXPECT_EQ(counts.sent_packets, counts.acknowledged_packets + counts.rejected_packets +
                                       counts.dropped_packets + counts.pending_packets);
  }

  void ExpectAllAcknowledged(uint64_t batches) {
    const IngestCounts counts = session_->counts();
    EXPECT_EQ(counts.sent_batches, batches);
    EXPECT_EQ(counts.acknowledged_batches, batches);
    EXPECT_EQ(counts.acknowledged_packets, batches * kPacketsABatch);
    EXPECT_EQ(counts.pending_batches, 0u);
    ExpectCountsAddUp();
  }

  FakeIngestServer server_;
  std::unique_ptr<IngestSession> session_;
};

TEST_F(IngestSessionTest, BatchesArriveOnceAndInOrder) {
  Start();
  Send(1, 100);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.applied_times(), UpTo(100));
  ExpectAllAcknowledged(100);
  EXPECT_EQ(session_->counts().connects, 1u);
  EXPECT_EQ(session_->counts().resent_batches, 0u);
}

TEST_F(IngestSessionTest, TheHelloSaysWhoSpeaks) {
  IngestOptions options = Options();
  options.sensor_id = "edge-1";
  options.zone = 7;
  options.clock = v1::CLOCK_PACKET;
  options.software = "test 1.0";
  Start(options);
  ASSERT_TRUE(session_->WaitConnected(seconds(10)).ok());
  const v1::Hello hello = server_.hellos().at(0);
  EXPECT_EQ(hello.sensor_id(), "edge-1");
  EXPECT_EQ(hello.zone(), 7u);
  EXPECT_EQ(hello.clock(), v1::CLOCK_PACKET);
  EXPECT_EQ(hello.software(), "test 1.0");
  EXPECT_EQ(hello.first_sequence(), 1u);
  EXPECT_EQ(hello.acknowledged_packets(), 0u);
  EXPECT_EQ(hello.session_id().size(), 32u);
  EXPECT_EQ(session_->welcome().slot_count(), 256u);
  EXPECT_TRUE(session_->connection_status().ok());
}

TEST_F(IngestSessionTest, TwoSessionsHaveTwoIds) {
  Start();
  ASSERT_TRUE(session_->WaitConnected(seconds(10)).ok());
  Start();
  ASSERT_TRUE(session_->WaitConnected(seconds(10)).ok());
  EXPECT_NE(server_.hellos().at(0).session_id(), server_.hellos().at(1).session_id());
}

TEST_F(IngestSessionTest, AStreamKilledMidwayLosesAndRepeatsNothing) {
  StreamScript script;
  script.kill_at_batch = 5;
  server_.Script(script);
  Start();
  Send(1, 20);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.applied_times(), UpTo(20));
  ASSERT_EQ(server_.received().size(), 2u);
  EXPECT_EQ(server_.received()[1].front(), 5u);
  EXPECT_EQ(server_.received()[1].back(), 20u);
  ExpectAllAcknowledged(20);
  EXPECT_EQ(session_->counts().connects, 2u);
}

TEST_F(IngestSessionTest, WhatWasAppliedButNotAcknowledgedIsNotSentAgain) {
  StreamScript script;
  script.ack_every = 4;  // 1 to 4 are acknowledged, 5 and 6 only applied.
  script.kill_after_batch = 6;
  server_.Script(script);
  Start();
  Send(1, 6);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(server_.received().size(), 2u);
  EXPECT_THAT(server_.received()[1], IsEmpty());
  EXPECT_EQ(server_.hellos()[1].first_sequence(), 5u);
  EXPECT_EQ(server_.hellos()[1].acknowledged_packets(), 4u * kPacketsABatch);
  EXPECT_EQ(session_->counts().resent_batches, 0u);
  ExpectAllAcknowledged(6);
}

TEST_F(IngestSessionTest, AServerThatForgotTheSessionGetsExactlyWhatItNeverAcknowledged) {
  StreamScript script;
  script.ack_every = 4;
  script.stall_after_batch = 6;
  server_.Script(script);
  Start();
  Send(1, 6);
  ASSERT_TRUE(FirstStreamReceived(6));
  // The ack of 4 must be in before the connection goes, as it would be after
  // any pause.
  while (session_->counts().acknowledged_batches < 4) std::this_thread::yield();
  server_.Forget();
  server_.BreakStreams();
  ASSERT_TRUE(server_.WaitFor([&] { return server_.hellos().size() == 2; }));
  Send(7, 8);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(server_.received()[1], ElementsAre(5, 6, 7, 8));
  EXPECT_EQ(server_.hellos()[1].session_id(), server_.hellos()[0].session_id());
  EXPECT_EQ(server_.hellos()[1].first_sequence(), 5u);
  EXPECT_EQ(server_.hellos()[1].acknowledged_packets(), 12u);
  EXPECT_EQ(session_->counts().resent_batches, 2u);
  ExpectAllAcknowledged(8);
}

TEST_F(IngestSessionTest, ManyBreaksInARowLoseAndRepeatNothing) {
  for (uint64_t i = 0; i < 20; ++i) {
    StreamScript script;
    if (i % 2 == 0)
      script.kill_at_batch = i % 5 + 1;
    else
      script.kill_after_batch = i % 7 + 1;
    script.ack_every = i % 3 + 1;
    server_.Script(script);
  }
  Start();
  Send(1, 200);
  const absl::Status status = session_->Finish(seconds(20));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.applied_times(), UpTo(200));
  EXPECT_EQ(session_->counts().connects, 21u);
  ExpectAllAcknowledged(200);
}

TEST_F(IngestSessionTest, RejectedBatchesAreCountedWithTheirReasonAndNotSentAgain) {
  server_.Reject({2, 4});
  StreamScript script;
  script.kill_after_batch = 5;
  script.ack_every = 4;
  server_.Script(script);
  Start();
  Send(1, 8);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(server_.applied_times(), ElementsAre(1, 3, 5, 6, 7, 8));
  const IngestCounts counts = session_->counts();
  EXPECT_EQ(counts.rejected_batches, 2u);
  EXPECT_EQ(counts.rejected_packets, 2u * kPacketsABatch);
  EXPECT_EQ(counts.acknowledged_batches, 6u);
  ExpectCountsAddUp();
  const auto rejections = session_->rejections();
  ASSERT_EQ(rejections.size(), 2u);
  EXPECT_EQ(rejections[1].sequence, 4u);
  EXPECT_EQ(rejections[1].reason, "BATCH_REJECTION_COLUMN_LENGTH: column kind has 3 rows, ports 2");
  // Rejected packets are acknowledged ones to a server that never saw them.
  EXPECT_EQ(server_.hellos()[1].acknowledged_packets(), 4u * kPacketsABatch);
}

TEST_F(IngestSessionTest, ADrainingServerIsFinishedWithAndComeBackTo) {
  StreamScript script;
  script.drain_after_batch = 3;
  script.end = grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
  server_.Script(script);
  Start();
  Send(1, 3);
  ASSERT_TRUE(server_.WaitFor([&] { return server_.hellos().size() == 2; }));
  Send(4, 10);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.applied_times(), UpTo(10));
  EXPECT_EQ(session_->counts().resent_batches, 0u);
  ExpectAllAcknowledged(10);
}

TEST_F(IngestSessionTest, FinishWithoutAcksTimesOutAndLeavesThemPending) {
  StreamScript script;
  script.ack = false;
  script.stall_after_batch = 4;
  server_.Script(script);
  Start();
  Send(1, 4);
  const absl::Status status = session_->Finish(milliseconds(50));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("4 batches with 12 packets are not acknowledged after 50 ms"));
  EXPECT_EQ(session_->counts().pending_batches, 4u);
  ExpectCountsAddUp();
  EXPECT_EQ(session_->Send(BatchAt(5)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(session_->counts().sent_batches, 4u);
}

TEST_F(IngestSessionTest, FinishOfAnEmptySessionIsOk) {
  Start();
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(IngestSessionTest, FinishTwiceAnswersTheSame) {
  Start();
  Send(1, 2);
  EXPECT_TRUE(session_->Finish(seconds(10)).ok());
  EXPECT_TRUE(session_->Finish(seconds(10)).ok());
  ExpectAllAcknowledged(2);
}

TEST_F(IngestSessionTest, AFullBufferMakesSendWaitForAnAck) {
  StreamScript script;
  script.ack = false;
  script.stall_after_batch = 2;
  server_.Script(script);
  IngestOptions options = Options();
  options.buffer_bytes_max = 2 * BatchAt(1).SpaceUsedLong();
  Start(options);
  Send(1, 2);
  ASSERT_TRUE(FirstStreamReceived(2));
  auto third = std::async(std::launch::async, [&] { return session_->Send(BatchAt(3)); });
  // It cannot have returned: no ack made room, and none will on this stream.
  EXPECT_EQ(third.wait_for(milliseconds(50)), std::future_status::timeout);
  EXPECT_EQ(session_->counts().sent_batches, 2u);
  server_.BreakStreams();
  EXPECT_TRUE(third.get().ok());
  EXPECT_TRUE(session_->Finish(seconds(10)).ok());
  EXPECT_EQ(server_.applied_times(), UpTo(3));
  ExpectAllAcknowledged(3);
}

TEST_F(IngestSessionTest, AFullBufferDropsAndCountsWhenToldTo) {
  StreamScript script;
  script.ack = false;
  script.stall_after_batch = 2;
  server_.Script(script);
  IngestOptions options = Options();
  options.when_full = WhenFull::kDrop;
  options.buffer_bytes_max = 2 * BatchAt(1).SpaceUsedLong();
  Start(options);
  Send(1, 5);
  IngestCounts counts = session_->counts();
  EXPECT_EQ(counts.sent_batches, 5u);
  EXPECT_EQ(counts.dropped_batches, 3u);
  EXPECT_EQ(counts.dropped_packets, 3u * kPacketsABatch);
  ExpectCountsAddUp();
  ASSERT_TRUE(FirstStreamReceived(2));
  server_.BreakStreams();
  EXPECT_TRUE(session_->Finish(seconds(10)).ok());
  EXPECT_EQ(server_.applied_times(), UpTo(2));
  EXPECT_EQ(session_->counts().acknowledged_batches, 2u);
  ExpectCountsAddUp();
}

TEST_F(IngestSessionTest, FinishReleasesASendThatWaits) {
  StreamScript script;
  script.ack = false;
  script.stall_after_batch = 1;
  server_.Script(script);
  IngestOptions options = Options();
  options.buffer_bytes_max = BatchAt(1).SpaceUsedLong();
  Start(options);
  Send(1, 1);
  auto second = std::async(std::launch::async, [&] { return session_->Send(BatchAt(2)); });
  EXPECT_EQ(session_->Finish(milliseconds(50)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(second.get().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(session_->counts().sent_batches, 1u);
}

class PermanentTest : public IngestSessionTest,
                      public ::testing::WithParamInterface<grpc::StatusCode> {};

TEST_P(PermanentTest, FailsTheSession) {
  StreamScript script;
  script.refuse = grpc::Status(GetParam(), "no, thank you");
  server_.Script(script);
  Start();
  const absl::Status status = session_->WaitConnected(seconds(10));
  EXPECT_EQ(static_cast<int>(status.code()), static_cast<int>(GetParam()));
  EXPECT_EQ(status.message(), "no, thank you");
  EXPECT_EQ(session_->Send(BatchAt(1)), status);
  EXPECT_EQ(session_->Finish(seconds(10)), status);
  EXPECT_EQ(server_.hellos().size(), 1u);
  EXPECT_EQ(session_->counts().sent_batches, 0u);
}

INSTANTIATE_TEST_SUITE_P(Codes, PermanentTest,
                         ::testing::Values(grpc::StatusCode::INVALID_ARGUMENT,
                                           grpc::StatusCode::FAILED_PRECONDITION,
                                           grpc::StatusCode::PERMISSION_DENIED,
                                           grpc::StatusCode::UNAUTHENTICATED,
                                           grpc::StatusCode::UNIMPLEMENTED),
                         [](const auto& row) { return std::to_string(row.param); });

class TransientTest : public IngestSessionTest,
                      public ::testing::WithParamInterface<grpc::StatusCode> {};

TEST_P(TransientTest, IsTriedAgain) {
  StreamScript script;
  script.refuse = grpc::Status(GetParam(), "not now");
  server_.Script(script);
  server_.Script(script);
  Start();
  Send(1, 3);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.hellos().size(), 3u);
  ExpectAllAcknowledged(3);
}

INSTANTIATE_TEST_SUITE_P(
    Codes, TransientTest,
    ::testing::Values(grpc::StatusCode::ALREADY_EXISTS, grpc::StatusCode::UNAVAILABLE,
                      grpc::StatusCode::RESOURCE_EXHAUSTED, grpc::StatusCode::DEADLINE_EXCEEDED,
                      grpc::StatusCode::INTERNAL, grpc::StatusCode::UNKNOWN, grpc::StatusCode::OK),
    [](const auto& row) { return std::to_string(row.param); });

TEST_F(IngestSessionTest, AFailureWithPendingBatchesLeavesThemPending) {
  StreamScript first;
  first.kill_at_batch = 1;
  server_.Script(first);
  StreamScript second;
  second.refuse = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "another clock");
  server_.Script(second);
  Start();
  Send(1, 1);
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(session_->counts().pending_batches, 1u);
  ExpectCountsAddUp();
}

TEST_F(IngestSessionTest, AWelcomeThatClaimsUnsentBatchesFailsTheSession) {
  StreamScript script;
  script.edit_welcome = [](v1::Welcome* welcome) { welcome->set_applied_sequence(9); };
  server_.Script(script);
  Start();
  const absl::Status status = session_->WaitConnected(seconds(10));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("applied sequence 9"));
  EXPECT_EQ(session_->Finish(seconds(10)), status);
}

TEST_F(IngestSessionTest, ABatchAboveTheMessageLimitIsRefusedBeforeItEndsTheStream) {
  Start();
  ASSERT_TRUE(session_->WaitConnected(seconds(10)).ok());
  v1::PacketBatch large;
  large.set_source_ipv6(std::string(5u << 20, '\0'));
  const absl::Status status = session_->Send(std::move(large));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("above the server's limit of 4194304"));
  Send(1, 1);
  EXPECT_TRUE(session_->Finish(seconds(10)).ok());
  ExpectAllAcknowledged(1);
}

TEST_F(IngestSessionTest, ABatchAboveTheLimitOfALaterServerFailsTheSessionInsteadOfLooping) {
  StreamScript first;
  first.kill_at_batch = 1;
  server_.Script(first);
  StreamScript second;
  second.edit_welcome = [](v1::Welcome* welcome) { welcome->set_message_bytes_max(10); };
  server_.Script(second);
  Start();
  ASSERT_TRUE(session_->WaitConnected(seconds(10)).ok());
  ASSERT_TRUE(session_->Send(BatchAt(1)).ok());
  const absl::Status status = session_->Finish(seconds(10));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("above the limit of the server's welcome"));
  EXPECT_EQ(session_->counts().pending_batches, 1u);
}

TEST_F(IngestSessionTest, AHeartbeatFollowsTheBatchesBeforeIt) {
  Start();
  for (uint64_t i = 1; i <= 5; ++i) {
    Send(i * 10 - 9, i * 10);
    v1::Heartbeat heartbeat;
    heartbeat.set_time_unix_ns(i * 10);
    session_->Heartbeat(heartbeat);
  }
  EXPECT_TRUE(session_->Finish(seconds(10)).ok());
  const auto heartbeats = server_.heartbeats();
  ASSERT_FALSE(heartbeats.empty());
  EXPECT_EQ(heartbeats.back().time_unix_ns(), 50u);
  for (size_t i = 0; i < heartbeats.size(); ++i) {
    EXPECT_GE(server_.applied_at_heartbeat()[i], heartbeats[i].time_unix_ns());
  }
}

TEST_F(IngestSessionTest, TheLastHeartbeatIsRepeatedToAServerThatCameBack) {
  Start();
  ASSERT_TRUE(session_->WaitConnected(seconds(10)).ok());
  v1::Heartbeat heartbeat;
  heartbeat.mutable_counts()->set_captured_packets(42);
  session_->Heartbeat(heartbeat);
  ASSERT_TRUE(server_.WaitFor([&] { return server_.heartbeats().size() == 1; }));
  server_.Forget();
  server_.BreakStreams();
  ASSERT_TRUE(server_.WaitFor([&] { return server_.heartbeats().size() == 2; }));
  EXPECT_EQ(server_.heartbeats()[1].counts().captured_packets(), 42u);
}

TEST_F(IngestSessionTest, DestructionWithPendingBatchesDoesNotHang) {
  StreamScript script;
  script.mute = true;
  server_.Script(script);
  Start();
  Send(1, 10);
  ASSERT_TRUE(server_.WaitFor([&] { return server_.hellos().size() == 1; }));
  session_.reset();
}

TEST_F(IngestSessionTest, ManySendersShareOneSession) {
  StreamScript script;
  script.kill_at_batch = 50;
  server_.Script(script);
  IngestOptions options = Options();
  options.buffer_bytes_max = 8 * BatchAt(1).SpaceUsedLong();
  Start(options);
  std::atomic<uint64_t> failed = 0;
  std::vector<std::thread> senders;
  for (uint64_t t = 0; t < 4; ++t) {
    senders.emplace_back([&, t] {
      for (uint64_t i = 0; i < 50; ++i) failed += !session_->Send(BatchAt(t * 50 + i + 1)).ok();
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(failed, 0u);
  EXPECT_TRUE(session_->Finish(seconds(10)).ok());
  std::vector<uint64_t> times = server_.applied_times();
  std::sort(times.begin(), times.end());
  EXPECT_EQ(times, UpTo(200));
  ExpectAllAcknowledged(200);
}

TEST(IngestSessionAloneTest, WithoutAServerTheErrorIsTold) {
  ChannelOptions channel_options;
  channel_options.server = "unix:/nonexistent/conntrack.sock";
  auto channel = OpenChannel(channel_options);
  ASSERT_TRUE(channel.ok()) << channel.status();
  auto session = IngestSession::Start(*channel, Options());
  ASSERT_TRUE(session.ok()) << session.status();
  ASSERT_TRUE((*session)->Send(BatchAt(1)).ok());
  absl::Status status = (*session)->WaitConnected(milliseconds(100));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("UNAVAILABLE"));
  status = (*session)->Finish(milliseconds(100));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("UNAVAILABLE"));
  EXPECT_EQ((*session)->counts().pending_batches, 1u);
}

TEST(IngestSessionAloneTest, AServerThatIsBackIsReachedAtTheNextTry) {
  std::string directory = ::testing::TempDir() + "/conntrack-ingest-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  ChannelOptions channel_options;
  channel_options.server = "unix:" + directory + "/socket";
  auto server =
      std::make_unique<FakeIngestServer>(grpc::InsecureServerCredentials(), channel_options.server);
  auto channel = OpenChannel(channel_options);
  ASSERT_TRUE(channel.ok()) << channel.status();
  IngestOptions options = Options();
  options.backoff_min = options.backoff_max = milliseconds(500);
  auto session = IngestSession::Start(*channel, options);
  ASSERT_TRUE(session.ok()) << session.status();
  ASSERT_TRUE((*session)->WaitConnected(seconds(10)).ok());
  server.reset();
  // The stream broke, and one attempt to connect was refused.
  while ((*session)->counts().failures < 2) std::this_thread::yield();
  server =
      std::make_unique<FakeIngestServer>(grpc::InsecureServerCredentials(), channel_options.server);
  ASSERT_TRUE(server->WaitFor([&] { return server->hellos().size() == 1; }));
  EXPECT_EQ((*session)->counts().failures, 2u);
  EXPECT_TRUE((*session)->Finish(seconds(10)).ok());
  server.reset();
  std::filesystem::remove_all(directory);
}

struct BadOption {
  const char* name;
  void (*set)(IngestOptions*);
  const char* message;
};

void PrintTo(const BadOption& option, std::ostream* out) { *out << option.name; }

class OptionsTest : public ::testing::TestWithParam<BadOption> {};

TEST_P(OptionsTest, OutOfRangeIsInvalidArgument) {
  IngestOptions options = Options();
  GetParam().set(&options);
  auto channel = OpenChannel(ChannelOptions());
  ASSERT_TRUE(channel.ok());
  const auto session = IngestSession::Start(*channel, options);
  EXPECT_EQ(session.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Each, OptionsTest,
    ::testing::Values(
        BadOption{"NoSensorId", [](IngestOptions* o) { o->sensor_id = ""; },
                  "sensor_id \"\" is not 1 to 63 of [A-Za-z0-9._-]"},
        BadOption{"SensorIdWithSpace", [](IngestOptions* o) { o->sensor_id = "a b"; },
                  "sensor_id \"a b\" is not 1 to 63 of [A-Za-z0-9._-]"},
        BadOption{"LongSoftware", [](IngestOptions* o) { o->software = std::string(129, 'x'); },
                  "software has 129 bytes, which is above 128"},
        BadOption{"UnknownClock", [](IngestOptions* o) { o->clock = static_cast<v1::Clock>(9); },
                  "clock 9 is unknown"},
        BadOption{"NoBuffer", [](IngestOptions* o) { o->buffer_bytes_max = 0; },
                  "buffer_bytes_max is 0"},
        BadOption{"NoBackoff", [](IngestOptions* o) { o->backoff_min = milliseconds(0); },
                  "backoff_min 0 ms is below 1 ms"},
        BadOption{"BackoffUpsideDown", [](IngestOptions* o) { o->backoff_min = milliseconds(50); },
                  "backoff_max 20 ms is below backoff_min 50 ms"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace conntrack::client
