// LookupConnections over a real socket.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/services/connections_fixture.h"

namespace conntrack {
namespace {

class LookupTest : public ConnectionsTest {
 protected:
  grpc::Status Lookup(const v1::LookupConnectionsRequest& request,
                      v1::LookupConnectionsResponse* response) {
    grpc::ClientContext context;
    return stub_->LookupConnections(&context, request, response);
  }
};

void Add(uint32_t source, uint16_t source_port, uint32_t destination, uint16_t destination_port,
         uint8_t protocol, v1::LookupConnectionsRequest* request) {
  request->add_source(source);
  request->add_destination(destination);
  request->add_ports(PortsWord(source_port, destination_port));
  request->mutable_protocol()->push_back(static_cast<char>(protocol));
}

TEST_F(LookupTest, TuplesOfEitherDirectionAreFound) {
  SendHandshake();
  SendUdp(1);
  v1::LookupConnectionsRequest request;
  request.set_zone(5);
  request.set_layout(v1::PACKET_LAYOUT_IPV4);
  Add(kServer, 80, kClient, 1000, kProtocolTcp, &request);
  Add(kClient, 9, kServer, 53, kProtocolUdp, &request);
  Add(kClient, 1000, kServer, 80, kProtocolTcp, &request);
  Add(kClient, 1, kServer, 53, kProtocolUdp, &request);
  Add(kServer, 53, kClient, 1, kProtocolUdp, &request);
  // An ICMP error can be of no connection by its own tuple.
  Add(kClient, 3 << 8, kServer, 0, kProtocolIcmp, &request);
  v1::LookupConnectionsResponse response;
  ASSERT_TRUE(Lookup(request, &response).ok());
  ASSERT_EQ(response.id_size(), 6);
  const uint64_t tcp = ListAll("protocol = TCP")[0].id();
  const uint64_t udp = ListAll("protocol = UDP")[0].id();
  for (const auto& [row, id] : {std::pair(0, tcp), {1, 0}, {2, tcp}, {3, udp}, {4, udp}, {5, 0}}) {
    EXPECT_EQ(response.id(row), id) << row;
  }
  const std::string verdicts = {v1::VERDICT_ESTABLISHED, 0,
                                v1::VERDICT_ESTABLISHED, v1::VERDICT_NEW,
                                v1::VERDICT_ESTABLISHED, 0};
  EXPECT_EQ(response.verdict(), verdicts);
  const std::string directions = {v1::DIRECTION_REPLY,    0,
                                  v1::DIRECTION_ORIGINAL, v1::DIRECTION_ORIGINAL,
                                  v1::DIRECTION_REPLY,    0};
  EXPECT_EQ(response.direction(), directions);
  const std::string states = {v1::TCP_STATE_ESTABLISHED, 0, v1::TCP_STATE_ESTABLISHED, 0, 0, 0};
  EXPECT_EQ(response.state(), states);
  EXPECT_EQ(response.status(0), 14u);
  EXPECT_EQ(response.status(3), 8u);
  EXPECT_EQ(response.timeout_ms(0), 432'000'000u);
  EXPECT_EQ(response.timeout_ms(1), 0u);
}

TEST_F(LookupTest, AsManyTuplesAsMayBeInOneSlotOrMany) {
  for (uint32_t i = 0; i < 4; ++i) {
    BatchWriter batch;
    for (uint16_t port = 1; port <= 1'000; ++port) {
      batch.Udp(0, kClient + (port % 2) * port, port, kServer, static_cast<uint16_t>(53 + i));
    }
    Send(batch);
  }
  v1::LookupConnectionsRequest request;
  request.set_zone(5);
  request.set_layout(v1::PACKET_LAYOUT_IPV4);
  for (uint32_t i = 0; i < 4; ++i) {
    for (uint16_t port = 1; port <= 1'024; ++port) {
      Add(kClient + (port % 2) * port, port, kServer, static_cast<uint16_t>(53 + i), kProtocolUdp,
          &request);
    }
  }
  v1::LookupConnectionsResponse response;
  ASSERT_TRUE(Lookup(request, &response).ok());
  ASSERT_EQ(response.id_size(), 4'096);
  for (int row = 0; row < 4'096; ++row) {
    ASSERT_EQ(response.id(row) != 0, row % 1'024 < 1'000) << row;
  }
  Add(kClient, 1, kServer, 53, kProtocolUdp, &request);
  EXPECT_EQ(Lookup(request, &response).error_message(),
            "column protocol has 4097 elements, more than 4096");
}

TEST_F(LookupTest, WhatDoesNotFitIsRefused) {
  v1::LookupConnectionsRequest request;
  v1::LookupConnectionsResponse response;
  grpc::Status status = Lookup(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "layout 0 is unknown");
  request.set_layout(v1::PACKET_LAYOUT_IPV6);
  Add(kClient, 1, kServer, 53, kProtocolUdp, &request);
  status = Lookup(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("source"), std::string::npos) << status.error_message();
  // A zone that nobody feeds has no connections.
  request.set_layout(v1::PACKET_LAYOUT_IPV4);
  request.set_zone(77);
  ASSERT_TRUE(Lookup(request, &response).ok());
  EXPECT_EQ(response.id(0), 0u);
}

}  // namespace
}  // namespace conntrack
