// UpdateConnections and DeleteConnections over a real socket.
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/services/connections_fixture.h"

namespace conntrack {
namespace {

class WritesTest : public ConnectionsTest {
 protected:
  void SetUp() override {
    logger_ = spdlog::default_logger();
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
    ConnectionsTest::SetUp();
  }
  void TearDown() override {
    server_.reset();
    spdlog::set_default_logger(logger_);
  }

  grpc::Status Update(const v1::UpdateConnectionsRequest& request,
                      v1::UpdateConnectionsResponse* response) {
    grpc::ClientContext context;
    return stub_->UpdateConnections(&context, request, response);
  }
  grpc::Status Delete(const v1::DeleteConnectionsRequest& request,
                      v1::DeleteConnectionsResponse* response) {
    grpc::ClientContext context;
    return stub_->DeleteConnections(&context, request, response);
  }

  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> logger_;
};

TEST_F(WritesTest, MarkLabelsAndTimeoutChangeByFilter) {
  SendHandshake();
  SendUdp(3);
  v1::UpdateConnectionsRequest request;
  request.set_filter("protocol = TCP");
  request.mutable_mark()->set_value(0x10);
  request.mutable_mark()->set_mask(0xF0);
  request.mutable_labels()->add_set(127);
  request.mutable_labels()->add_set(5);
  request.mutable_timeout()->set_seconds(7);
  v1::UpdateConnectionsResponse response;
  request.set_dry_run(true);
  ASSERT_TRUE(Update(request, &response).ok());
  EXPECT_EQ(response.matched_connections(), 1u);
  EXPECT_EQ(response.updated_connections(), 1u);
  EXPECT_EQ(CountConnections("mark = 0").count(), 4u);
  request.set_dry_run(false);
  ASSERT_TRUE(Update(request, &response).ok());
  EXPECT_EQ(response.updated_connections(), 1u);
  const std::vector<v1::Connection> changed = ListAll("labels:5 AND labels:127 AND mark = 16");
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].protocol(), v1::PROTOCOL_TCP);
  ASSERT_EQ(changed[0].labels_size(), 2);
  EXPECT_EQ(changed[0].labels(0), 5u);
  EXPECT_EQ(changed[0].labels(1), 127u);
  EXPECT_EQ(changed[0].timeout().seconds(), 7);
  EXPECT_EQ(changed[0].last_seen_time().nanos(), 20'000'000);
  // As it is already.
  ASSERT_TRUE(Update(request, &response).ok());
  EXPECT_EQ(response.matched_connections(), 1u);
  EXPECT_EQ(response.updated_connections(), 0u);
  // All labels anew.
  request.clear_mark();
  request.clear_timeout();
  request.mutable_labels()->clear_set();
  request.mutable_labels()->add_set(1);
  for (uint32_t label = 0; label < 128; ++label) request.mutable_labels()->add_clear(label);
  ASSERT_TRUE(Update(request, &response).ok());
  EXPECT_EQ(CountConnections("labels:1").count(), 1u);
  EXPECT_EQ(CountConnections("labels:5").count(), 0u);
}

TEST_F(WritesTest, WatchersAreToldOfBoth) {
  SendUdp(2);
  grpc::ClientContext context;
  const auto watch = v1::WatchService::NewStub(channel())->Watch(&context, {});
  v1::WatchResponse first;
  ASSERT_TRUE(watch->Read(&first));
  const auto next_event = [&] {
    v1::WatchResponse message;
    while (watch->Read(&message)) {
      if (message.events().events_size() > 0) return message.events().events(0);
    }
    return v1::Event();
  };
  v1::UpdateConnectionsRequest update;
  update.set_filter("original.source_port = 2");
  update.mutable_mark()->set_value(9);
  update.mutable_labels()->add_set(3);
  v1::UpdateConnectionsResponse updated;
  ASSERT_TRUE(Update(update, &updated).ok());
  v1::Event event = next_event();
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_UPDATE);
  EXPECT_EQ(event.cause(), v1::EVENT_CAUSE_REQUEST);
  ASSERT_EQ(event.changes_size(), 2);
  EXPECT_EQ(event.changes(0), v1::EVENT_CHANGE_MARK);
  EXPECT_EQ(event.changes(1), v1::EVENT_CHANGE_LABELS);
  EXPECT_EQ(event.connection().mark(), 9u);
  v1::DeleteConnectionsRequest request;
  request.set_filter("mark = 9");
  v1::DeleteConnectionsResponse deleted;
  ASSERT_TRUE(Delete(request, &deleted).ok());
  EXPECT_EQ(deleted.matched_connections(), 1u);
  event = next_event();
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_DESTROY);
  EXPECT_EQ(event.cause(), v1::EVENT_CAUSE_REQUEST);
  EXPECT_EQ(event.connection().labels(0), 3u);
  EXPECT_EQ(CountConnections("").count(), 1u);
  context.TryCancel();
  watch->Finish();
}

TEST_F(WritesTest, ManyConnectionsEndAndADryRunEndsNone) {
  for (uint32_t i = 0; i < 30; ++i) {
    BatchWriter batch;
    for (uint16_t port = 1; port <= 1'000; ++port) batch.Udp(0, kClient + i, port, kServer, 53);
    Send(batch);
  }
  v1::DeleteConnectionsRequest request;
  request.set_all(true);
  request.set_dry_run(true);
  v1::DeleteConnectionsResponse response;
  ASSERT_TRUE(Delete(request, &response).ok());
  EXPECT_EQ(response.matched_connections(), 30'000u);
  EXPECT_EQ(CountConnections("").count(), 30'000u);
  request.set_dry_run(false);
  ASSERT_TRUE(Delete(request, &response).ok());
  EXPECT_EQ(response.matched_connections(), 30'000u);
  EXPECT_EQ(CountConnections("").count(), 0u);
}

TEST_F(WritesTest, WritesAreLoggedWithTheirCaller) {
  SendUdp(3);
  v1::DeleteConnectionsRequest request;
  request.set_filter("port <= 2 AND\nprotocol = UDP");
  v1::DeleteConnectionsResponse response;
  ASSERT_TRUE(Delete(request, &response).ok());
  spdlog::default_logger()->flush();
  const std::string log = log_.str();
  EXPECT_NE(log.find("ipv4:127.0.0.1:"), std::string::npos) << log;
  EXPECT_NE(log.find("DeleteConnections filter: \"port <= 2 AND\\nprotocol = UDP\": 2 matched, 2 "
                     "have changed"),
            std::string::npos)
      << log;
}

TEST_F(WritesTest, WhatCannotBeMeantIsRefused) {
  SendUdp(1);
  const auto update_error = [&](const v1::UpdateConnectionsRequest& request) {
    v1::UpdateConnectionsResponse response;
    const grpc::Status status = Update(request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  v1::UpdateConnectionsRequest update;
  EXPECT_EQ(update_error(update), "nothing to change: give a mark, labels or a timeout");
  update.mutable_mark()->set_value(0x1FF);
  EXPECT_EQ(update_error(update), "filter is empty: set all to mean every connection");
  update.set_filter(" \n");
  EXPECT_EQ(update_error(update), "filter is empty: set all to mean every connection");
  update.set_filter("zone = 5");
  update.set_all(true);
  EXPECT_EQ(update_error(update), "all is set beside a filter");
  update.mutable_mark()->set_mask(0xFF);
  EXPECT_EQ(update_error(update), "mark.value 0x1ff has bits outside mark.mask 0xff");
  update.clear_mark();
  update.mutable_labels()->add_clear(128);
  EXPECT_EQ(update_error(update), "labels.clear 128 is above 127");
  update.mutable_labels()->add_set(999);
  EXPECT_EQ(update_error(update), "labels.set 999 is above 127");
  update.clear_labels();
  for (int i = 0; i < 129; ++i) update.mutable_labels()->add_set(1);
  EXPECT_EQ(update_error(update), "labels.set has 129 numbers, more than 128");
  update.clear_labels();
  for (const int64_t seconds : {int64_t{0}, int64_t{-1}, int64_t{3'456'001}, INT64_MAX}) {
    update.mutable_timeout()->set_seconds(seconds);
    EXPECT_EQ(update_error(update), absl::StrCat("timeout ", seconds,
                                                 "s and 0ns is not between "
                                                 "0.001s and 3456000s"));
  }
  v1::DeleteConnectionsResponse response;
  grpc::Status status = Delete({}, &response);
  EXPECT_EQ(status.error_message(), "filter is empty: set all to mean every connection");
  v1::DeleteConnectionsRequest request;
  request.set_filter("colour = red");
  status = Delete(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CountConnections("").count(), 1u);
}

}  // namespace
}  // namespace conntrack
