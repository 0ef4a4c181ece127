#include "tests/differential/connection_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conntrack {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SeenConnection Tcp(uint16_t port) {
  SeenConnection connection;
  connection.original = {kProtocolTcp, Ipv4Address(0xC0000201), Ipv4Address(0xC6336401),
                         PortsWord(port, 80), Family::kIpv4};
  connection.state = "established";
  connection.timeout = 100;
  connection.counters = {Counters{3, 300}, Counters{2, 200}};
  return connection;
}

TEST(ConnectionListsTest, NamesHaveAddressesAndWhatTellsConnectionsApart) {
  EXPECT_EQ(TextOf(Tcp(1024).original), "tcp 192.0.2.1:1024>198.51.100.1:80");
  EXPECT_EQ(TextOf(SeenTuple{kProtocolUdp, {0, 1}, {0, 2}, PortsWord(1, 2), Family::kIpv6}),
            "udp [::1]:1>[::2]:2");
  EXPECT_EQ(TextOf(SeenTuple{kProtocolIcmp, Ipv4Address(1), Ipv4Address(2), IcmpWord(8, 0, 9),
                             Family::kIpv4}),
            "icmp 0.0.0.1>0.0.0.2 type 8 code 0 id 9");
  EXPECT_EQ(TextOf(SeenTuple{50, Ipv4Address(1), Ipv4Address(2), 0, Family::kIpv4}),
            "protocol 50 0.0.0.1>0.0.0.2");
}

TEST(ConnectionListsTest, BothDirectionsHaveOneName) {
  const SeenTuple there = Tcp(1024).original;
  const SeenTuple back{there.protocol, there.destination, there.source, PortsWord(80, 1024),
                       there.family};
  EXPECT_EQ(NameOfConnection(there), NameOfConnection(back));
  EXPECT_NE(NameOfConnection(there), NameOfConnection(Tcp(1025).original));
}

TEST(ConnectionListsTest, EqualListsInAnyOrderDoNotDiffer) {
  SeenConnection later = Tcp(2);
  later.timeout = 99;
  EXPECT_THAT(CompareLists({Tcp(1), Tcp(2)}, {later, Tcp(1)}, {}, 1), IsEmpty());
}

TEST(ConnectionListsTest, WhatOneSideLacksOrHasOtherwiseIsNamed) {
  SeenConnection other = Tcp(2);
  other.counters = {Counters{3, 300}, Counters{2, 201}};
  EXPECT_THAT(CompareLists({Tcp(1), Tcp(2)}, {other, Tcp(3)}, {}, 1),
              ElementsAre(HasSubstr("only the kernel has tcp"),
                          HasSubstr("bytes is 300/201, expected 300/200"),
                          HasSubstr("only the server has tcp")));
  EXPECT_THAT(CompareLists({Tcp(1)}, {}, {NameOfConnection(Tcp(1).original)}, 1), IsEmpty());
}

TEST(ConnectionListsTest, ATimeoutOfAnotherHourDiffers) {
  SeenConnection other = Tcp(1);
  other.timeout = 98;
  EXPECT_THAT(CompareLists({Tcp(1)}, {other}, {}, 1), ElementsAre(HasSubstr("timeout is 98")));
}

}  // namespace
}  // namespace conntrack
