// A server, and a sensor that feeds zone 5: for the tests of ConnectionService.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/tracker/packet.h"
#include "tests/integration/services/service_test.h"
#include "tests/testing/wire_sensor.h"

namespace conntrack {

using testing::BatchWriter;
using testing::HelloRequest;
using testing::WireSensor;

inline constexpr uint32_t kClient = 0x0A000001;
inline constexpr uint32_t kServer = 0x0A000002;

class ConnectionsTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    stub_ = v1::ConnectionService::NewStub(channel());
    sensor_ = std::make_unique<WireSensor>(channel());
    ASSERT_TRUE(sensor_->Send(HelloRequest("edge-1", 5)));
  }

  void Send(const BatchWriter& batch) {
    ASSERT_TRUE(sensor_->Send(batch.Request(++sequence_)));
    ASSERT_TRUE(sensor_->ReceiveAck(sequence_).has_value());
  }

  void SendHandshake() {
    Send(BatchWriter()
             .Tcp(0, kClient, 1000, kServer, 80, tcp_flag::kSyn, 99, 0)
             .Tcp(10, kServer, 80, kClient, 1000, tcp_flag::kSyn | tcp_flag::kAck, 499, 100)
             .Tcp(20, kClient, 1000, kServer, 80, tcp_flag::kAck, 100, 500));
  }
  // `count` connections of UDP, each with a client port of its own from 1 on.
  void SendUdp(uint16_t count) {
    BatchWriter batch;
    for (uint16_t port = 1; port <= count; ++port) batch.Udp(0, kClient, port, kServer, 53);
    Send(batch);
  }

  grpc::Status List(v1::ListConnectionsRequest request, v1::ListConnectionsResponse* response) {
    grpc::ClientContext context;
    return stub_->ListConnections(&context, request, response);
  }
  grpc::Status Get(const v1::GetConnectionRequest& request, v1::Connection* connection) {
    grpc::ClientContext context;
    v1::GetConnectionResponse response;
    const grpc::Status status = stub_->GetConnection(&context, request, &response);
    *connection = response.connection();
    return status;
  }
  // All that match, 10,000 at most.
  std::vector<v1::Connection> ListAll(const std::string& filter) {
    std::vector<v1::Connection> all;
    v1::ListConnectionsRequest request;
    request.set_filter(filter);
    request.set_page_size(10'000);
    v1::ListConnectionsResponse response;
    const grpc::Status status = List(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.connections().begin(), response.connections().end()};
  }

  std::unique_ptr<v1::ConnectionService::Stub> stub_;
  std::unique_ptr<WireSensor> sensor_;
  uint64_t sequence_ = 0;
};

}  // namespace conntrack
