// Get, List and Count over a real socket.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/integration/services/connections_fixture.h"

namespace conntrack {
namespace {

TEST_F(ConnectionsTest, AHandshakeIsEstablishedAndAssured) {
  SendHandshake();
  v1::ListConnectionsResponse response;
  ASSERT_TRUE(List({}, &response).ok());
  ASSERT_EQ(response.connections_size(), 1);
  const v1::Connection& connection = response.connections(0);
  EXPECT_EQ(connection.zone(), 5u);
  EXPECT_EQ(connection.protocol(), v1::PROTOCOL_TCP);
  EXPECT_EQ(connection.original().source_address(), "10.0.0.1");
  EXPECT_EQ(connection.original().ports().destination(), 80u);
  EXPECT_EQ(connection.reply().source_address(), "10.0.0.2");
  EXPECT_EQ(connection.reply().ports().destination(), 1000u);
  EXPECT_EQ(connection.tcp().state(), v1::TCP_STATE_ESTABLISHED);
  EXPECT_TRUE(connection.seen_reply());
  EXPECT_TRUE(connection.assured());
  EXPECT_EQ(connection.original_counters().packets(), 2u);
  EXPECT_EQ(connection.original_counters().bytes(), 80u);
  EXPECT_EQ(connection.reply_counters().packets(), 1u);
  EXPECT_EQ(connection.sensor_id(), "edge-1");
  EXPECT_EQ(connection.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(connection.expire_time().seconds(), 1'700'432'000);
  EXPECT_EQ(connection.expire_time().nanos(), 20'000'000);
  EXPECT_EQ(connection.timeout().seconds(), 432'000);
}

TEST_F(ConnectionsTest, GetFindsByIdAndByTheTupleOfEitherDirection) {
  SendHandshake();
  v1::ListConnectionsResponse response;
  ASSERT_TRUE(List({}, &response).ok());
  v1::Connection found;
  v1::GetConnectionRequest request;
  request.set_id(response.connections(0).id());
  ASSERT_TRUE(Get(request, &found).ok());
  EXPECT_EQ(found.id(), request.id());
  for (const v1::Tuple& tuple :
       {response.connections(0).original(), response.connections(0).reply()}) {
    v1::GetConnectionRequest by_tuple;
    by_tuple.mutable_tuple()->set_zone(5);
    by_tuple.mutable_tuple()->set_protocol(v1::PROTOCOL_TCP);
    *by_tuple.mutable_tuple()->mutable_tuple() = tuple;
    ASSERT_TRUE(Get(by_tuple, &found).ok());
    EXPECT_EQ(found.id(), response.connections(0).id());
    by_tuple.mutable_tuple()->set_zone(6);
    EXPECT_EQ(Get(by_tuple, &found).error_code(), grpc::StatusCode::NOT_FOUND);
  }
  request.set_id(request.id() + 1);
  EXPECT_EQ(Get(request, &found).error_code(), grpc::StatusCode::NOT_FOUND);
  request.clear_key();
  EXPECT_EQ(Get(request, &found).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ConnectionsTest, AnExactResetFreesTheConnectionElevenSecondsOfZoneTimeLater) {
  SendHandshake();
  Send(
      BatchWriter().Tcp(30, kClient, 1000, kServer, 80, tcp_flag::kRst | tcp_flag::kAck, 100, 500));
  EXPECT_EQ(CountConnections("state = CLOSE").count(), 1u);
  // Another connection's packet moves the clock of the zone.
  Send(BatchWriter(1'700'000'011).Udp(0, kClient, 1, kServer + 1, 53));
  EXPECT_EQ(CountConnections("protocol = TCP").count(), 0u);
  server().tracker().Expire(server().clock().Now(), SIZE_MAX);
  const auto zone = server().tracker().FindZone(5);
  ASSERT_TRUE(zone.has_value());
  EXPECT_EQ(server().tracker().zone(*zone).connections, 1u);
  for (size_t gauge = 0; gauge < kTcpStates; ++gauge) {
    EXPECT_EQ(server().tracker().zone(*zone).by_state[gauge], 0);
  }
}

TEST_F(ConnectionsTest, PagesHoldEveryConnectionOnce) {
  for (uint32_t i = 0; i < 50; ++i) {
    BatchWriter batch;
    for (uint16_t port = 1; port <= 20; ++port) batch.Udp(0, kClient + i, port, kServer, 53);
    Send(batch);
  }
  std::set<uint64_t> ids;
  v1::ListConnectionsRequest request;
  request.set_page_size(7);
  do {
    v1::ListConnectionsResponse response;
    ASSERT_TRUE(List(request, &response).ok());
    ASSERT_LE(response.connections_size(), 7);
    for (const v1::Connection& connection : response.connections()) {
      EXPECT_TRUE(ids.insert(connection.id()).second);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_EQ(CountConnections("").count(), 1000u);
  EXPECT_EQ(CountConnections("original.source_port <= 5").count(), 250u);
}

// A page is written byte by byte, an answer to Get field by field.
TEST_F(ConnectionsTest, ListAndGetSayTheSame) {
  SendHandshake();
  Send(BatchWriter().Udp(0, kClient, 1, kServer, 53));
  v1::ListConnectionsResponse response;
  ASSERT_TRUE(List({}, &response).ok());
  ASSERT_EQ(response.connections_size(), 2);
  for (const v1::Connection& listed : response.connections()) {
    v1::GetConnectionRequest request;
    request.set_id(listed.id());
    v1::Connection found;
    ASSERT_TRUE(Get(request, &found).ok());
    EXPECT_EQ(found.SerializeAsString(), listed.SerializeAsString());
  }
}

TEST_F(ConnectionsTest, CountsByGroupsAddUp) {
  SendHandshake();
  BatchWriter batch;
  for (uint32_t i = 0; i < 100; ++i) batch.Udp(0, kClient + i, 1000, kServer, i < 60 ? 53 : 123);
  Send(batch);
  v1::CountConnectionsRequest request;
  request.add_group_by("protocol");
  request.add_group_by("original.destination_port");
  request.add_group_by("original.source/24");
  request.add_group_by("state");
  request.set_top(2);
  v1::CountConnectionsResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->CountConnections(&context, request, &response).ok());
  }
  EXPECT_EQ(response.count(), 101u);
  ASSERT_EQ(response.groups_size(), 2);
  const auto values = [&](int group) {
    const auto& texts = response.groups(group).values();
    return std::vector<std::string>(texts.begin(), texts.end());
  };
  EXPECT_EQ(values(0), (std::vector<std::string>{"UDP", "53", "10.0.0.0/24", ""}));
  EXPECT_EQ(response.groups(0).connections(), 60u);
  EXPECT_EQ(response.groups(0).packets(), 60u);
  EXPECT_EQ(values(1), (std::vector<std::string>{"UDP", "123", "10.0.0.0/24", ""}));
  EXPECT_EQ(response.groups(1).connections(), 40u);
  EXPECT_EQ(response.other().connections(), 1u);
  EXPECT_EQ(response.other().packets(), 3u);
  EXPECT_EQ(response.other_groups(), 1u);
  request.set_order_by(v1::GROUP_ORDER_PACKETS);
  request.set_filter("protocol = TCP");
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->CountConnections(&context, request, &response).ok());
  }
  EXPECT_EQ(response.count(), 1u);
  ASSERT_EQ(response.groups_size(), 1);
  EXPECT_EQ(values(0), (std::vector<std::string>{"TCP", "80", "10.0.0.0/24", "ESTABLISHED"}));
  EXPECT_FALSE(response.has_other());
}

TEST_F(ConnectionsTest, CountsThatCannotBeAreRefused) {
  const auto refusal = [&](const v1::CountConnectionsRequest& request) {
    grpc::ClientContext context;
    v1::CountConnectionsResponse response;
    const grpc::Status status = stub_->CountConnections(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  v1::CountConnectionsRequest request;
  request.set_top(-1);
  EXPECT_EQ(refusal(request), "top -1 is below 0");
  request.clear_top();
  request.set_order_by(static_cast<v1::GroupOrder>(9));
  EXPECT_EQ(refusal(request), "order_by 9 is unknown");
  request.clear_order_by();
  request.add_group_by("colour");
  EXPECT_EQ(refusal(request), "group_by \"colour\" is not a field of the filter language");
}

TEST_F(ConnectionsTest, BadRequestsNameWhatIsWrong) {
  v1::ListConnectionsResponse response;
  v1::ListConnectionsRequest request;
  request.set_page_size(-1);
  grpc::Status status = List(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "page_size -1 is below 0");
  request.set_page_size(0);
  request.set_page_token("nonsense");
  EXPECT_EQ(List(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_page_token();
  request.set_filter("colour = red");
  status = List(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("colour"), std::string::npos) << status.error_message();
}

TEST_F(ConnectionsTest, APageTokenIsBoundToItsFilter) {
  Send(BatchWriter().Udp(0, kClient, 1, kServer, 53).Udp(0, kClient, 2, kServer, 53));
  v1::ListConnectionsRequest request;
  request.set_page_size(1);
  v1::ListConnectionsResponse response;
  ASSERT_TRUE(List(request, &response).ok());
  ASSERT_FALSE(response.next_page_token().empty());
  request.set_page_token(response.next_page_token());
  request.set_filter("protocol = UDP");
  const grpc::Status status = List(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "page_token is of another filter or order");
}

}  // namespace
}  // namespace conntrack
