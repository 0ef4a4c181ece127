// ServiceTest runs a whole server on a port of its own for one test.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "conntrack/v1/admin_service.grpc.pb.h"
#include "conntrack/v1/connection_service.grpc.pb.h"
#include "conntrack/v1/watch_service.grpc.pb.h"
#include "server/server.h"

namespace conntrack {

class ServiceTest : public ::testing::Test {
 protected:
  // For tests that need other settings.
  virtual ServerConfig Config() const {
    ServerConfig config;
    config.listen = "127.0.0.1:0";
    config.metrics_listen = "";
    config.log.level = LogLevel::kWarn;
    return config;
  }

  void SetUp() override {
    auto server = Server::Start(Config());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(64 << 20);
    channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                         grpc::InsecureChannelCredentials(), arguments);
  }

  Server& server() { return *server_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  v1::Sensor SensorRow(const std::string& sensor_id) {
    grpc::ClientContext context;
    v1::ListSensorsResponse response;
    const auto stub = v1::AdminService::NewStub(channel_);
    const grpc::Status status = stub->ListSensors(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    for (const v1::Sensor& sensor : response.sensors()) {
      if (sensor.sensor_id() == sensor_id) return sensor;
    }
    ADD_FAILURE() << "no sensor " << sensor_id;
    return {};
  }

  v1::CountConnectionsResponse CountConnections(const std::string& filter) {
    grpc::ClientContext context;
    v1::CountConnectionsRequest request;
    request.set_filter(filter);
    v1::CountConnectionsResponse response;
    const auto stub = v1::ConnectionService::NewStub(channel_);
    const grpc::Status status = stub->CountConnections(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace conntrack
