// ExplainPacket over a real socket.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/services/connections_fixture.h"

namespace conntrack {
namespace {

class ExplainPacketTest : public ConnectionsTest {
 protected:
  grpc::Status Explain(uint32_t zone, const BatchWriter& batch,
                       v1::ExplainPacketResponse* response) {
    grpc::ClientContext context;
    v1::ExplainPacketRequest request;
    request.set_zone(zone);
    *request.mutable_packet() = batch.Take();
    return stub_->ExplainPacket(&context, request, response);
  }
};

TEST_F(ExplainPacketTest, APacketOfAConnectionShowsWhatItWouldChange) {
  SendHandshake();
  const v1::Connection before = ListAll("")[0];
  v1::ExplainPacketResponse response;
  const auto fin =
      BatchWriter().Tcp(30, kServer, 80, kClient, 1000, tcp_flag::kAck | tcp_flag::kFin, 500, 100);
  ASSERT_TRUE(Explain(5, fin, &response).ok());
  EXPECT_EQ(response.verdict(), v1::VERDICT_ESTABLISHED);
  EXPECT_EQ(response.direction(), v1::DIRECTION_REPLY);
  EXPECT_EQ(response.invalid_reason(), v1::INVALID_REASON_UNSPECIFIED);
  EXPECT_EQ(response.before().SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(response.after().id(), before.id());
  EXPECT_EQ(response.after().slot(), before.slot());
  EXPECT_EQ(response.after().tcp().state(), v1::TCP_STATE_FIN_WAIT);
  EXPECT_EQ(response.after().timeout().seconds(), 120);
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).type(), v1::EVENT_TYPE_UPDATE);
  ASSERT_EQ(response.events(0).changes_size(), 1);
  EXPECT_EQ(response.events(0).changes(0), v1::EVENT_CHANGE_STATE);
  EXPECT_EQ(response.events(0).tcp_flags(), 0x11u);
  EXPECT_EQ(ListAll("")[0].SerializeAsString(), before.SerializeAsString());
}

TEST_F(ExplainPacketTest, AnInvalidPacketComesWithItsReasonInASentence) {
  SendHandshake();
  v1::ExplainPacketResponse response;
  ASSERT_TRUE(
      Explain(5,
              BatchWriter().Tcp(30, kClient, 1000, kServer, 80, tcp_flag::kAck, 100, 900'000'000),
              &response)
          .ok());
  EXPECT_EQ(response.verdict(), v1::VERDICT_INVALID);
  EXPECT_EQ(response.direction(), v1::DIRECTION_UNSPECIFIED);
  EXPECT_EQ(response.invalid_reason(), v1::INVALID_REASON_TCP_ACK_UNSEEN);
  EXPECT_EQ(response.explanation(), "It acknowledges data that the other side has not sent.");
  EXPECT_TRUE(response.has_before());
  EXPECT_EQ(response.events_size(), 0);
}

TEST_F(ExplainPacketTest, ANewConnectionHasNoIdYet) {
  SendHandshake();
  v1::ExplainPacketResponse response;
  ASSERT_TRUE(Explain(5, BatchWriter().Udp(30, kClient, 7, kServer, 53), &response).ok());
  EXPECT_EQ(response.verdict(), v1::VERDICT_NEW);
  EXPECT_EQ(response.explanation(), "It begins a connection.");
  EXPECT_FALSE(response.has_before());
  EXPECT_EQ(response.after().id(), 0u);
  EXPECT_EQ(response.after().zone(), 5u);
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).type(), v1::EVENT_TYPE_NEW);
  EXPECT_EQ(CountConnections("").count(), 1u);
}

TEST_F(ExplainPacketTest, WhatIsNotOnePacketIsRefused) {
  v1::ExplainPacketResponse response;
  grpc::Status status = Explain(5, BatchWriter(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "packet: the batch has no packet");
  status = Explain(5, BatchWriter().Udp(0, 1, 1, 2, 2).Udp(0, 1, 1, 2, 2), &response);
  EXPECT_EQ(status.error_message(), "packet: column kind has 2 elements, more than 1");
  status = Explain(77, BatchWriter().Udp(0, 1, 1, 2, 2), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "zone 77 does not exist");
}

}  // namespace
}  // namespace conntrack
