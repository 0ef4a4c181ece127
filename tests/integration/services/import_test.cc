// ImportConnections over a real socket.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/services/connections_fixture.h"

namespace conntrack {
namespace {

class ImportTest : public ConnectionsTest {
 protected:
  grpc::Status Import(const std::vector<v1::Connection>& connections,
                      v1::ImportConnectionsResponse* response) {
    grpc::ClientContext context;
    const auto writer = stub_->ImportConnections(&context, response);
    // Several messages.
    for (size_t i = 0; i < connections.size();) {
      v1::ImportConnectionsRequest request;
      for (int n = 0; n < 10 && i < connections.size(); ++n) {
        *request.add_connections() = connections[i++];
      }
      EXPECT_TRUE(writer->Write(request));
    }
    writer->WritesDone();
    return writer->Finish();
  }
};

// What an import keeps.
std::string Kept(v1::Connection connection) {
  connection.clear_id();
  connection.clear_slot();
  connection.clear_expire_time();
  return connection.ShortDebugString();
}

TEST_F(ImportTest, AZoneThatItMakesHasTheSettingsOfTheLastReload) {
  SendUdp(2);
  std::vector<v1::Connection> connections = ListAll("");
  for (v1::Connection& connection : connections) connection.set_zone(6);
  ServerConfig next = Config();
  next.zones[6].connections_max = 1;
  ASSERT_TRUE(server().Reload(next).ok());
  v1::ImportConnectionsResponse response;
  ASSERT_TRUE(Import(connections, &response).ok());
  EXPECT_EQ(response.imported_connections(), 1u);
  ASSERT_EQ(response.rejections_size(), 1);
  EXPECT_EQ(response.rejections(0).reason(), v1::IMPORT_REJECTION_ZONE_FULL);
}

TEST_F(ImportTest, ConnectionsAreAsTheyWereAndGoOn) {
  SendHandshake();
  SendUdp(30);
  v1::UpdateConnectionsRequest update;
  update.set_filter("protocol = TCP");
  update.mutable_mark()->set_value(77);
  update.mutable_labels()->add_set(99);
  {
    grpc::ClientContext context;
    v1::UpdateConnectionsResponse response;
    ASSERT_TRUE(stub_->UpdateConnections(&context, update, &response).ok());
  }
  const std::vector<v1::Connection> before = ListAll("");
  ASSERT_EQ(before.size(), 31u);
  v1::DeleteConnectionsRequest all;
  all.set_all(true);
  {
    grpc::ClientContext context;
    v1::DeleteConnectionsResponse response;
    ASSERT_TRUE(stub_->DeleteConnections(&context, all, &response).ok());
  }
  v1::ImportConnectionsResponse response;
  ASSERT_TRUE(Import(before, &response).ok());
  EXPECT_EQ(response.imported_connections(), 31u);
  EXPECT_EQ(response.rejections_size(), 0);
  for (const v1::Connection& connection : before) {
    v1::GetConnectionRequest request;
    request.mutable_tuple()->set_zone(5);
    request.mutable_tuple()->set_protocol(connection.protocol());
    *request.mutable_tuple()->mutable_tuple() = connection.reply();
    v1::Connection found;
    ASSERT_TRUE(Get(request, &found).ok());
    EXPECT_EQ(Kept(found), Kept(connection));
    EXPECT_NE(found.id(), connection.id());
  }
  // A packet within the window moves it on; one far outside does not.
  Send(BatchWriter()
           .Tcp(30, kServer, 80, kClient, 1000, tcp_flag::kAck | tcp_flag::kFin, 500, 100)
           .Tcp(40, kClient, 1000, kServer, 80, tcp_flag::kAck | tcp_flag::kFin, 2'000'000'000,
                501));
  const v1::Connection moved = ListAll("protocol = TCP")[0];
  EXPECT_EQ(moved.tcp().state(), v1::TCP_STATE_FIN_WAIT);
  EXPECT_EQ(moved.reply_counters().packets(), 2u);
  EXPECT_EQ(moved.original_counters().packets(), 2u);
  EXPECT_EQ(moved.mark(), 77u);
}

TEST_F(ImportTest, WhatCannotBeIsCountedAndTold) {
  SendHandshake();
  const v1::Connection good = ListAll("")[0];
  std::vector<v1::Connection> connections(9, good);
  connections[1].mutable_original()->set_source_address("10.0.0.300");
  connections[2].clear_tcp();
  connections[3].mutable_reply()->mutable_ports()->set_source(81);
  connections[4].clear_timeout();
  connections[5].set_zone(8);
  connections[6].set_zone(9);
  connections[6].mutable_tcp()->set_state(static_cast<v1::TcpState>(10));
  connections[7].set_zone(9);
  connections[7].add_labels(128);
  connections[8].set_zone(10);
  ASSERT_TRUE(server().tracker().OpenZone(10, ZoneClock::kPacket, ZoneSettings()).ok());
  v1::ImportConnectionsResponse response;
  ASSERT_TRUE(Import(connections, &response).ok());
  EXPECT_EQ(response.imported_connections(), 1u);
  EXPECT_EQ(CountConnections("zone = 8").count(), 1u);
  EXPECT_FALSE(server().tracker().FindZone(9).has_value());
  std::string told;
  for (const v1::RejectedConnection& row : response.rejected_connections()) {
    told += std::to_string(row.index()) + " " + v1::ImportRejection_Name(row.reason()) + " " +
            row.detail() + "\n";
  }
  EXPECT_EQ(told,
            "0 IMPORT_REJECTION_EXISTS \n"
            "1 IMPORT_REJECTION_INVALID original.source_address \"10.0.0.300\" is not an IP "
            "address\n"
            "2 IMPORT_REJECTION_INVALID tcp is missing\n"
            "3 IMPORT_REJECTION_INVALID reply is not the inverse of original\n"
            "4 IMPORT_REJECTION_EXPIRED no time is left\n"
            "6 IMPORT_REJECTION_INVALID tcp.state 10 is not a state\n"
            "7 IMPORT_REJECTION_INVALID labels 128 is above 127\n"
            "8 IMPORT_REJECTION_NO_CLOCK \n");
  uint64_t counted = 0;
  for (const v1::ImportRejectionCount& count : response.rejections()) {
    counted += count.connections();
  }
  EXPECT_EQ(counted, 8u);
}

class FullImportTest : public ImportTest {
 protected:
  ServerConfig Config() const override {
    ServerConfig config = ImportTest::Config();
    config.zone_defaults.connections_max = 5;
    config.zones_max = 2;
    return config;
  }
};

TEST_F(FullImportTest, AFullZoneTakesNoMoreAndEvictsNobody) {
  SendUdp(1);
  std::vector<v1::Connection> connections(150, ListAll("")[0]);
  for (uint32_t i = 0; i < connections.size(); ++i) {
    connections[i].clear_reply();
    connections[i].mutable_original()->mutable_ports()->set_source(1000 + i);
  }
  connections[0].set_zone(6);
  connections[1].set_zone(7);
  v1::ImportConnectionsResponse response;
  ASSERT_TRUE(Import(connections, &response).ok());
  EXPECT_EQ(response.imported_connections(), 5u);
  ASSERT_EQ(response.rejections_size(), 2);
  EXPECT_EQ(response.rejections(0).reason(), v1::IMPORT_REJECTION_ZONE_FULL);
  EXPECT_EQ(response.rejections(0).connections(), 144u);
  EXPECT_EQ(response.rejections(1).reason(), v1::IMPORT_REJECTION_TOO_MANY_ZONES);
  EXPECT_EQ(response.rejected_connections_size(), 100);
  EXPECT_EQ(CountConnections("zone = 5").count(), 5u);
}

}  // namespace
}  // namespace conntrack
