// A watcher against a server that breaks off, repeats, skips and forgets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/escaping.h"
#include "conntrack/channel.h"
#include "conntrack/watch.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/testing/fake_watch_server.h"

namespace conntrack::client {
namespace {

using conntrack::testing::FakeWatchServer;
using conntrack::testing::WatchScript;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint32_t kSlot = 3;
constexpr uint64_t kEpoch = 100;

// Changes `first` to `last` of the slot, all of which match.
v1::WatchResponse Events(uint64_t first, uint64_t last) {
  v1::WatchResponse message;
  v1::SequenceRange* range = message.mutable_events()->add_ranges();
  range->set_slot(kSlot);
  range->set_epoch(kEpoch);
  range->set_first_sequence(first);
  range->set_last_sequence(last);
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    v1::Event* event = message.mutable_events()->add_events();
    event->set_slot(kSlot);
    event->set_sequence(sequence);
  }
  return message;
}

v1::WatchResponse Bookmark(const std::string& token) {
  v1::WatchResponse message;
  message.mutable_bookmark()->set_resume_token(token);
  return message;
}

v1::WatchResponse Snapshot(int connections) {
  v1::WatchResponse message;
  for (int i = 0; i < connections; ++i) message.mutable_snapshot()->add_connections();
  return message;
}

v1::WatchResponse SnapshotEnd(const std::string& token) {
  v1::WatchResponse message;
  message.mutable_snapshot_end()->set_resume_token(token);
  return message;
}

v1::WatchResponse Loss(uint64_t first, uint64_t last) {
  v1::WatchResponse message;
  *message.mutable_loss()->add_ranges() = Events(first, last).events().ranges(0);
  return message;
}

grpc::Status TooOld(const std::string& oldest_token) {
  google::rpc::ErrorInfo reason;
  reason.set_reason("RESUME_TOKEN_TOO_OLD");
  std::string base64;
  absl::Base64Escape(oldest_token, &base64);
  (*reason.mutable_metadata())["oldest_resume_token"] = base64;
  google::rpc::Status details;
  details.add_details()->PackFrom(reason);
  return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "the token is too old",
                      details.SerializeAsString());
}

class WatcherTest : public ::testing::Test {
 protected:
  void Start(WatchOptions options = {}) {
    options.backoff_min = std::chrono::milliseconds(1);
    options.backoff_max = std::chrono::milliseconds(10);
    ChannelOptions channel_options;
    channel_options.server = server_.address();
    auto channel = OpenChannel(channel_options);
    ASSERT_TRUE(channel.ok()) << channel.status();
    auto watcher = Watcher::Start(*channel, options);
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    watcher_ = *std::move(watcher);
  }

  // The next items in short: "events 4-6", "snapshot 2", "loss 7-9", "bookmark
  // T", "end T", "disconnected", "reset", or the error.
  std::vector<std::string> Next(int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back(Text(watcher_->Next()));
    return texts;
  }

  static std::string Text(const absl::StatusOr<WatchItem>& item) {
    if (!item.ok()) return "error " + absl::StatusCodeToString(item.status().code());
    if (item->kind == WatchItem::Kind::kDisconnected) return "disconnected";
    if (item->kind == WatchItem::Kind::kReset) return "reset";
    const v1::WatchResponse& message = item->message;
    if (message.has_snapshot()) {
      return "snapshot " + std::to_string(message.snapshot().connections_size());
    }
    if (message.has_snapshot_end()) return "end " + message.snapshot_end().resume_token();
    if (message.has_bookmark()) return "bookmark " + message.bookmark().resume_token();
    if (message.has_loss()) {
      const auto& range = message.loss().ranges(0);
      return "loss " + std::to_string(range.first_sequence()) + "-" +
             std::to_string(range.last_sequence());
    }
    const auto& events = message.events().events();
    if (events.empty()) return "events none";
    return "events " + std::to_string(events[0].sequence()) + "-" +
           std::to_string(events[events.size() - 1].sequence());
  }

  FakeWatchServer server_;
  std::unique_ptr<Watcher> watcher_;
};

TEST_F(WatcherTest, ResumesAfterABreakWithoutRepeats) {
  server_.Script({{Events(1, 3), Bookmark("B3"), Events(4, 6)}});
  // The server begins after the bookmark, so 4 to 6 come again.
  server_.Script({{Events(4, 5), Events(6, 8), Bookmark("B8")}});
  Start();
  EXPECT_THAT(Next(6), ElementsAre("events 1-3", "bookmark B3", "events 4-6", "disconnected",
                                   "events 7-8", "bookmark B8"));
  ASSERT_EQ(server_.requests().size(), 2u);
  EXPECT_EQ(server_.requests()[0].start_case(), v1::WatchRequest::kSnapshot);
  EXPECT_FALSE(server_.requests()[0].snapshot());
  EXPECT_EQ(server_.requests()[1].resume_token(), "B3");
  EXPECT_EQ(watcher_->resume_token(), "B8");
}

TEST_F(WatcherTest, TheFilterIsSentOnEveryStream) {
  server_.Script({{Bookmark("A")}});
  server_.Script({{Bookmark("B")}});
  WatchOptions options;
  options.filter = "protocol = TCP";
  Start(options);
  EXPECT_THAT(Next(3), ElementsAre("bookmark A", "disconnected", "bookmark B"));
  for (const auto& request : server_.requests()) EXPECT_EQ(request.filter(), "protocol = TCP");
}

TEST_F(WatcherTest, AnAnnouncedLossIsGivenOnce) {
  server_.Script({{Events(1, 3), Loss(4, 6), Events(7, 8)}, grpc::Status::OK, true});
  Start();
  EXPECT_THAT(Next(3), ElementsAre("events 1-3", "loss 4-6", "events 7-8"));
}

TEST_F(WatcherTest, AGapThatWasNotAnnouncedIsGivenAsALoss) {
  server_.Script({{Events(1, 3), Events(6, 8)}, grpc::Status::OK, true});
  Start();
  EXPECT_THAT(Next(3), ElementsAre("events 1-3", "loss 4-5", "events 6-8"));
}

TEST_F(WatcherTest, AGapAcrossABreakIsGivenAsALoss) {
  server_.Script({{Events(1, 3), Bookmark("B3")}});
  server_.Script({{Events(10, 12)}, grpc::Status::OK, true});
  Start();
  EXPECT_THAT(Next(5),
              ElementsAre("events 1-3", "bookmark B3", "disconnected", "loss 4-9", "events 10-12"));
}

TEST_F(WatcherTest, ABreakBeforeTheFirstTokenIsAReset) {
  server_.Script({{Events(1, 3)}});
  server_.Script({{Events(9, 9), Bookmark("B9")}, grpc::Status::OK, true});
  Start();
  // What lies between 3 and 9 is part of the reset.
  EXPECT_THAT(Next(4), ElementsAre("events 1-3", "reset", "events 9-9", "bookmark B9"));
}

TEST_F(WatcherTest, ABreakDuringTheSnapshotBeginsItAgain) {
  server_.Script({{Snapshot(2)}});
  server_.Script({{Snapshot(3), SnapshotEnd("S"), Events(5, 5)}, grpc::Status::OK, true});
  WatchOptions options;
  options.snapshot = true;
  Start(options);
  EXPECT_THAT(Next(5), ElementsAre("snapshot 2", "reset", "snapshot 3", "end S", "events 5-5"));
  for (const auto& request : server_.requests()) EXPECT_TRUE(request.snapshot());
}

TEST_F(WatcherTest, AfterTheSnapshotABreakResumes) {
  server_.Script({{Snapshot(2), SnapshotEnd("S")}});
  server_.Script({{Events(5, 5)}, grpc::Status::OK, true});
  WatchOptions options;
  options.snapshot = true;
  Start(options);
  EXPECT_THAT(Next(4), ElementsAre("snapshot 2", "end S", "disconnected", "events 5-5"));
  EXPECT_EQ(server_.requests()[1].resume_token(), "S");
}

TEST_F(WatcherTest, ARestartedServerIsAResetAndTheOldestTokenIsTakenUp) {
  server_.Script({{Events(1, 3), Bookmark("OLD")}});
  server_.Script({{}, TooOld("OLDEST")});
  server_.Script({{Events(1, 2)}, grpc::Status::OK, true});
  Start();
  EXPECT_THAT(Next(5),
              ElementsAre("events 1-3", "bookmark OLD", "disconnected", "reset", "events 1-2"));
  EXPECT_EQ(server_.requests()[2].resume_token(), "OLDEST");
}

TEST_F(WatcherTest, WhereTheOldestIsGoneTooItGoesOnFromNow) {
  server_.Script({{Events(1, 3), Bookmark("OLD")}});
  server_.Script({{}, TooOld("OLDEST")});
  server_.Script({{}, TooOld("OLDER")});
  server_.Script({{Bookmark("NOW"), Events(8, 9)}});
  server_.Script({{}, TooOld("AGAIN")});
  server_.Script({{Events(20, 21)}, grpc::Status::OK, true});
  Start();
  EXPECT_THAT(Next(10),
              ElementsAre("events 1-3", "bookmark OLD", "disconnected", "reset", "reset",
                          "bookmark NOW", "events 8-9", "disconnected", "reset", "events 20-21"));
  EXPECT_EQ(server_.requests()[2].resume_token(), "OLDEST");
  EXPECT_EQ(server_.requests()[3].resume_token(), "");
  EXPECT_EQ(server_.requests()[5].resume_token(), "AGAIN");
}

TEST_F(WatcherTest, ARestartedServerGivesItsSnapshotAgain) {
  server_.Script({{Snapshot(2), SnapshotEnd("OLD")}});
  server_.Script({{}, TooOld("OLDEST")});
  server_.Script({{Snapshot(1), SnapshotEnd("NEW")}, grpc::Status::OK, true});
  WatchOptions options;
  options.snapshot = true;
  Start(options);
  EXPECT_THAT(Next(6), ElementsAre("snapshot 2", "end OLD", "disconnected", "reset", "snapshot 1",
                                   "end NEW"));
  EXPECT_TRUE(server_.requests()[2].snapshot());
}

TEST_F(WatcherTest, WhatNoReconnectCanMendIsAnErrorForEver) {
  server_.Script({{}, grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "age changes by itself")});
  Start();
  EXPECT_THAT(Next(2), ElementsAre("error INVALID_ARGUMENT", "error INVALID_ARGUMENT"));
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(WatcherTest, AStreamThatEndsOkIsABreakToo) {
  server_.Script({{Bookmark("A")}, grpc::Status::OK});
  Start();
  const auto bookmark = watcher_->Next();
  ASSERT_TRUE(bookmark.ok());
  const auto end = watcher_->Next();
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->kind, WatchItem::Kind::kDisconnected);
  EXPECT_EQ(end->status.message(), "the server ended the stream");
}

TEST_F(WatcherTest, StopEndsAQuietWatch) {
  server_.Script({{Bookmark("A")}, grpc::Status::OK, true});
  Start();
  EXPECT_THAT(Next(1), ElementsAre("bookmark A"));
  std::thread stopper([this] { watcher_->Stop(); });
  EXPECT_THAT(Next(2), ElementsAre("error CANCELLED", "error CANCELLED"));
  stopper.join();
}

TEST_F(WatcherTest, DestructionEndsAnOpenStream) {
  server_.Script({{Bookmark("A"), Bookmark("B")}, grpc::Status::OK, true});
  Start();
  EXPECT_THAT(Next(1), ElementsAre("bookmark A"));
  watcher_.reset();
}

TEST(WatchOptionsTest, SnapshotAndTokenExcludeEachOther) {
  auto channel = OpenChannel(ChannelOptions());
  ASSERT_TRUE(channel.ok());
  WatchOptions options;
  options.snapshot = true;
  options.resume_token = "T";
  EXPECT_EQ(Watcher::Start(*channel, options).status().message(),
            "snapshot and resume_token exclude each other");
}

}  // namespace
}  // namespace conntrack::client
