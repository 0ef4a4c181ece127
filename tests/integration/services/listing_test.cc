// Listings in an order, of some fields, and of connections that were closed, over a
// real socket.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/services/connections_fixture.h"

namespace conntrack {
namespace {

class ListingTest : public ConnectionsTest {
 protected:
  // The pages of a listing, one after the other.
  std::vector<v1::Connection> ListPages(v1::ListConnectionsRequest request) {
    std::vector<v1::Connection> all;
    do {
      v1::ListConnectionsResponse response;
      const grpc::Status status = List(request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) break;
      EXPECT_LE(response.connections_size(), request.page_size());
      all.insert(all.end(), response.connections().begin(), response.connections().end());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return all;
  }

  grpc::Status ListClosed(const v1::ListClosedConnectionsRequest& request,
                          v1::ListClosedConnectionsResponse* response) {
    grpc::ClientContext context;
    return stub_->ListClosedConnections(&context, request, response);
  }
  std::vector<v1::Event> ListClosedPages(v1::ListClosedConnectionsRequest request) {
    std::vector<v1::Event> all;
    do {
      v1::ListClosedConnectionsResponse response;
      const grpc::Status status = ListClosed(request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) break;
      all.insert(all.end(), response.events().begin(), response.events().end());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return all;
  }

  std::string Refusal(const v1::ListConnectionsRequest& request) {
    v1::ListConnectionsResponse response;
    const grpc::Status status = List(request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  }

  // Connection `i` of 60 has i + 1 packets, and began in millisecond i.
  void SendSixty() {
    BatchWriter batch;
    for (uint16_t i = 0; i < 60; ++i) {
      for (uint16_t j = 0; j <= i; ++j) batch.Udp(i, kClient + i, 1000, kServer, 53);
    }
    Send(batch);
  }
};

TEST_F(ListingTest, PagesAreInTheOrderThatWasAskedFor) {
  SendSixty();
  v1::ListConnectionsRequest request;
  request.set_page_size(7);
  for (const bool descending : {true, false}) {
    for (const char* field : {"packets", "create_time", "id"}) {
      request.set_order_by(std::string(field) + (descending ? " desc" : ""));
      std::vector<uint64_t> packets;
      for (const v1::Connection& connection : ListPages(request)) {
        packets.push_back(connection.original_counters().packets());
      }
      ASSERT_EQ(packets.size(), 60u) << request.order_by();
      EXPECT_EQ(std::set<uint64_t>(packets.begin(), packets.end()).size(), 60u);
      if (std::string(field) == "id") continue;
      if (descending) std::reverse(packets.begin(), packets.end());
      EXPECT_TRUE(std::is_sorted(packets.begin(), packets.end())) << request.order_by();
    }
  }
}

TEST_F(ListingTest, ConnectionsWithoutTheFieldComeLast) {
  SendHandshake();
  SendUdp(5);
  Send(BatchWriter().Udp(0, kClient, 2000, kServer, 54));
  v1::ListConnectionsRequest request;
  request.set_page_size(2);
  request.set_filter("protocol = UDP");
  request.set_order_by("original.destination_port desc");
  EXPECT_EQ(ListPages(request)[0].original().ports().destination(), 54u);
  request.clear_filter();
  request.set_order_by("icmp.id");
  EXPECT_EQ(ListPages(request).size(), 7u);
}

// Two of the same value must not fall between two pages.
TEST_F(ListingTest, EqualValuesAreToldApartById) {
  SendUdp(50);
  v1::ListConnectionsRequest request;
  request.set_page_size(3);
  request.set_order_by("packets desc");
  std::vector<uint64_t> ids;
  for (const v1::Connection& connection : ListPages(request)) ids.push_back(connection.id());
  EXPECT_EQ(ids.size(), 50u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST_F(ListingTest, OrdersThatMeanNothingAreRefused) {
  v1::ListConnectionsRequest request;
  const auto refusal = [&](const char* order) {
    request.set_order_by(order);
    return Refusal(request);
  };
  EXPECT_EQ(refusal("colour"), "order_by \"colour\" is not a field of the filter language");
  EXPECT_EQ(refusal("state"), "order_by \"state\" does not hold a number");
  EXPECT_EQ(refusal("age"),
            "order_by \"age\" is measured anew for every page; order by create_time, "
            "last_seen_time or expire_time");
  EXPECT_EQ(refusal("port"),
            "order_by \"port\" stands for two values; name the end, as in original.source_port");
  EXPECT_EQ(refusal("bytes, packets"),
            "order_by \"bytes, packets\" is not one field, or one field and \"desc\"");
  EXPECT_EQ(refusal("bytes down"),
            "order_by \"bytes down\" has something else than \"desc\" or \"asc\" behind the field");
  EXPECT_EQ(refusal(" "), "order_by \" \" is not one field, or one field and \"desc\"");
}

TEST_F(ListingTest, ATokenIsBoundToItsOrder) {
  SendUdp(5);
  v1::ListConnectionsRequest request;
  request.set_page_size(1);
  request.set_order_by("packets");
  v1::ListConnectionsResponse response;
  ASSERT_TRUE(List(request, &response).ok());
  request.set_page_token(response.next_page_token());
  request.set_order_by("packets desc");
  EXPECT_EQ(Refusal(request), "page_token is of another filter or order");
}

TEST_F(ListingTest, AMaskSaysWhichFieldsCome) {
  SendHandshake();
  v1::ListConnectionsRequest request;
  request.set_page_size(10);
  request.mutable_read_mask()->add_paths("original");
  request.mutable_read_mask()->add_paths("community_id");
  const std::vector<v1::Connection> listed = ListPages(request);
  ASSERT_EQ(listed.size(), 1u);
  v1::Connection expected;
  expected.mutable_original()->CopyFrom(listed[0].original());
  expected.set_community_id("1:lWJQYXirSlmWE2qTFPykhczY8U4=");
  EXPECT_EQ(listed[0].DebugString(), expected.DebugString());
  EXPECT_EQ(expected.original().source_address(), "10.0.0.1");

  v1::GetConnectionRequest get;
  get.mutable_tuple()->set_zone(5);
  get.mutable_tuple()->set_protocol(v1::PROTOCOL_TCP);
  *get.mutable_tuple()->mutable_tuple() = expected.original();
  *get.mutable_read_mask() = request.read_mask();
  v1::Connection found;
  ASSERT_TRUE(Get(get, &found).ok());
  EXPECT_EQ(found.DebugString(), expected.DebugString());
  get.mutable_read_mask()->add_paths("*");
  ASSERT_TRUE(Get(get, &found).ok());
  EXPECT_EQ(found.community_id(), expected.community_id());
  EXPECT_EQ(found.zone(), 5u);
  get.clear_read_mask();
  ASSERT_TRUE(Get(get, &found).ok());
  EXPECT_EQ(found.community_id(), "");
}

TEST_F(ListingTest, MasksOfOtherFieldsAreRefused) {
  v1::ListConnectionsRequest request;
  request.mutable_read_mask()->add_paths("colour");
  EXPECT_EQ(Refusal(request), "read_mask \"colour\" is not a field of Connection");
  request.mutable_read_mask()->set_paths(0, "tcp.state");
  EXPECT_EQ(Refusal(request),
            "read_mask \"tcp.state\" names a part of a field; name the whole, \"tcp\"");
}

TEST_F(ListingTest, WhatWasClosedIsListedWithWhenAndWhy) {
  SendHandshake();
  // A second SYN of the same tuple after a reset replaces the connection.
  Send(
      BatchWriter().Tcp(30, kClient, 1000, kServer, 80, tcp_flag::kRst | tcp_flag::kAck, 100, 500));
  SendUdp(3);
  // The UDP connections expire 30 s later, the reset one 10 s later.
  Send(BatchWriter(1'700'000'040).Udp(0, kClient, 9, kServer + 1, 53));
  server().tracker().Expire(server().clock().Now(), SIZE_MAX);
  v1::ListClosedConnectionsRequest request;
  request.set_page_size(1);
  const std::vector<v1::Event> closed = ListClosedPages(request);
  ASSERT_EQ(closed.size(), 4u);
  std::map<v1::Protocol, int> by_protocol;
  for (const v1::Event& event : closed) {
    ++by_protocol[event.connection().protocol()];
    EXPECT_EQ(event.type(), v1::EVENT_TYPE_DESTROY);
    EXPECT_EQ(event.cause(), v1::EVENT_CAUSE_TIMEOUT);
    EXPECT_EQ(event.time().seconds(),
              event.connection().protocol() == v1::PROTOCOL_TCP ? 1'700'000'010 : 1'700'000'030);
    EXPECT_EQ(event.connection().original().source_address(), "10.0.0.1");
  }
  EXPECT_EQ(by_protocol[v1::PROTOCOL_TCP], 1);
  EXPECT_EQ(by_protocol[v1::PROTOCOL_UDP], 3);
  request.mutable_closed_after()->set_seconds(1'700'000'020);
  EXPECT_EQ(ListClosedPages(request).size(), 3u);
  request.mutable_closed_after()->set_seconds(1'700'000'031);
  EXPECT_EQ(ListClosedPages(request).size(), 0u);
  request.clear_closed_after();
  request.set_filter("state = CLOSE AND age = 10.03s");
  EXPECT_EQ(ListClosedPages(request).size(), 1u);
}

TEST_F(ListingTest, BadRequestsForClosedConnectionsAreRefused) {
  v1::ListClosedConnectionsRequest request;
  v1::ListClosedConnectionsResponse response;
  const auto refusal = [&] {
    const grpc::Status status = ListClosed(request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  request.set_page_size(-3);
  EXPECT_EQ(refusal(), "page_size -3 is below 0");
  request.clear_page_size();
  request.mutable_closed_after()->set_seconds(-1);
  EXPECT_EQ(refusal(), "closed_after -1s and 0ns is out of range");
  request.clear_closed_after();
  request.set_page_token("x");
  EXPECT_EQ(refusal(), "page_token \"x\" is not a token");
  request.clear_page_token();
  request.set_filter("colour = red");
  EXPECT_EQ(refusal(), "filter column 1: unknown field \"colour\"");
}

// The memory for events is small, so that most of what was closed is gone.
class SmallEventMemoryTest : public ListingTest {
 protected:
  ServerConfig Config() const override {
    ServerConfig config = ListingTest::Config();
    config.slot_count = 1;
    config.event_bytes_max = 64 << 10;
    return config;
  }
};

TEST_F(SmallEventMemoryTest, TheLatestAreKept) {
  for (int round = 0; round < 20; ++round) {
    BatchWriter batch(1'700'000'000 + 40 * round);
    for (uint16_t port = 1; port <= 100; ++port) batch.Udp(0, kClient, port, kServer, 53);
    Send(batch);
  }
  const std::vector<v1::Event> closed = ListClosedPages({});
  EXPECT_GT(closed.size(), 20u);
  EXPECT_LT(closed.size(), 400u);
  EXPECT_EQ(closed.back().time().seconds(), 1'700'000'000 + 40 * 18 + 30);
}

}  // namespace
}  // namespace conntrack
