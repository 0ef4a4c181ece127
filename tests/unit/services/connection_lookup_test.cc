// Tuples of IPv6, which the sensor of the tests over a socket does not speak.
#include "server/connection_lookup.h"

#include <gtest/gtest.h>

#include <string>

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

std::string Ipv6Bytes(char last) {
  std::string bytes(16, '\0');
  bytes[0] = 0x20;
  bytes[15] = last;
  return bytes;
}

TEST(ConnectionLookupTest, Ipv6TuplesAreFound) {
  Tracker tracker({});
  const ZoneIndex zone = *tracker.OpenZone(3, ZoneClock::kServer, ZoneSettings());
  Packet packet;
  packet.time = kNow;
  packet.family = Family::kIpv6;
  packet.source = {0x2000'0000'0000'0000, 1};
  packet.destination = {0x2000'0000'0000'0000, 2};
  packet.protocol = kProtocolIcmpv6;
  packet.ports = IcmpWord(128, 0, 77);
  Verdict verdict;
  tracker.Process({zone, kNow, 0}, {&packet, 1}, {&verdict, 1});
  v1::LookupConnectionsRequest request;
  request.set_zone(3);
  request.set_layout(v1::PACKET_LAYOUT_IPV6);
  // The query, its answer, and a query of the other side.
  request.set_source_ipv6(Ipv6Bytes(1) + Ipv6Bytes(2) + Ipv6Bytes(2));
  request.set_destination_ipv6(Ipv6Bytes(2) + Ipv6Bytes(1) + Ipv6Bytes(1));
  request.set_protocol(std::string(3, static_cast<char>(kProtocolIcmpv6)));
  request.add_ports(IcmpWord(128, 0, 77));
  request.add_ports(IcmpWord(129, 0, 77));
  request.add_ports(IcmpWord(128, 0, 77));
  v1::LookupConnectionsResponse response;
  const Time later = kNow + std::chrono::milliseconds(10'000) + Duration(1);
  ASSERT_TRUE(Lookup(&tracker, later, request, &response).ok());
  ASSERT_EQ(response.id_size(), 3);
  EXPECT_NE(response.id(0), 0u);
  EXPECT_EQ(response.id(1), response.id(0));
  EXPECT_EQ(response.id(2), 0u);
  EXPECT_EQ(response.direction()[0], v1::DIRECTION_ORIGINAL);
  EXPECT_EQ(response.direction()[1], v1::DIRECTION_REPLY);
  EXPECT_EQ(response.verdict()[0], v1::VERDICT_NEW);
  EXPECT_EQ(response.verdict()[1], v1::VERDICT_ESTABLISHED);
  EXPECT_EQ(response.timeout_ms(0), 20'000u) << "rounded up";
  // Expired, though nobody has expired it.
  v1::LookupConnectionsResponse none;
  ASSERT_TRUE(Lookup(&tracker, kNow + std::chrono::seconds(30), request, &none).ok());
  EXPECT_EQ(none.id(0), 0u);
}

}  // namespace
}  // namespace conntrack
