#include "tests/differential/packet_class.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "tests/unit/sensor/frames.h"

namespace conntrack {
namespace {

using sensor::testing::Buffer;
using sensor::testing::ExtensionHeader;
using sensor::testing::FragmentHeader;
using sensor::testing::Ip;
using sensor::testing::Ipv4;
using sensor::testing::Ipv6;
using sensor::testing::Ipv6Header;
using sensor::testing::TcpSegment;
using sensor::testing::operator+;

// Of a whole packet; "" when it is compared.
std::string ClassOf(const Buffer& packet, bool ipv6, bool checksum = true) {
  const sensor::Decoded decoded =
      ipv6 ? sensor::testing::DecodeIpv6(packet) : sensor::testing::DecodeIpv4(packet);
  EXPECT_NE(decoded.kind, sensor::Decoded::Kind::kDiscarded);
  const auto found = WhyLeftOut(decoded, packet, checksum);
  return found.has_value() ? NameOf(*found) : "";
}

std::string Ipv4Class(const Ip& ip) { return ClassOf(Ipv4(ip, TcpSegment(ip, {})), false); }

std::string WithOptions(const Buffer& options) {
  Ip ip;
  ip.options = options;
  return Ipv4Class(ip);
}

std::string HopByHop(const Buffer& options) {
  const Buffer header = Buffer{6, 0} + options;
  return ClassOf(Ipv6(Ipv6Header(0), header + TcpSegment(Ipv6Header(6), {})), true);
}

TEST(PacketClassTest, Ipv4AddressesThatAreNotRouted) {
  for (const auto& [address, name] :
       {std::pair<const char*, const char*>{"0.0.0.0", "unspecified address"},
        {"224.0.0.1", "multicast address"},
        {"239.255.255.250", "multicast address"},
        {"255.255.255.255", "broadcast address"},
        {"127.0.0.1", ""},
        {"0.1.2.3", ""},
        {"240.1.2.3", ""},
        {"169.254.1.1", ""}}) {
    Ip from;
    from.source = address;
    EXPECT_EQ(Ipv4Class(from), name) << address;
    Ip to;
    to.destination = address;
    EXPECT_EQ(Ipv4Class(to), name) << address;
  }
}

TEST(PacketClassTest, Ipv6AddressesThatAreNotRouted) {
  for (const auto& [address, from_name, to_name] :
       {std::tuple<const char*, const char*, const char*>{"::", "unspecified address", ""},
        {"::1", "IPv6 loopback address", "IPv6 loopback address"},
        {"ff02::1", "multicast address", "multicast address"},
        {"fe80::1", "link-local IPv6 address", "link-local IPv6 address"},
        {"febf::1", "link-local IPv6 address", "link-local IPv6 address"},
        {"fec0::1", "", ""},
        {"::ffff:192.0.2.1", "", ""}}) {
    Ip from = Ipv6Header(6);
    from.source = address;
    EXPECT_EQ(ClassOf(Ipv6(from, TcpSegment(from, {})), true), from_name) << address;
    Ip to = Ipv6Header(6);
    to.destination = address;
    EXPECT_EQ(ClassOf(Ipv6(to, TcpSegment(to, {})), true), to_name) << address;
  }
}

TEST(PacketClassTest, HopLimitIsThatOfThePacketOrOfItsFirstFragment) {
  for (const uint8_t hop_limit : {0, 1, 2}) {
    Ip ip;
    ip.hop_limit = hop_limit;
    EXPECT_EQ(Ipv4Class(ip), hop_limit < 2 ? "hop limit 0 or 1" : "");
    ip.fragmentation = 0x2000;
    EXPECT_EQ(Ipv4Class(ip), hop_limit < 2 ? "hop limit 0 or 1" : "");
    ip.fragmentation = 1;
    EXPECT_EQ(Ipv4Class(ip), "");
  }
}

TEST(PacketClassTest, Ipv4OptionsThatLinuxRefuses) {
  const std::string refused = NameOf(LeftOut::kIpv4Options);
  EXPECT_EQ(WithOptions({1, 1, 1, 0}), "");
  EXPECT_EQ(WithOptions({148, 4, 0, 0}), "");
  EXPECT_EQ(WithOptions({148, 3, 0, 0}), refused);
  EXPECT_EQ(WithOptions({200, 1, 0, 0}), refused);       // Shorter than itself.
  EXPECT_EQ(WithOptions({200, 8, 0, 0}), refused);       // Beyond the header.
  EXPECT_EQ(WithOptions({131, 3, 4, 0}), refused);       // A source route.
  EXPECT_EQ(WithOptions({134, 4, 0, 0}), refused);       // A security label.
  EXPECT_EQ(WithOptions({7, 7, 4, 0, 0, 0, 0, 0}), "");  // Room for a route of one.
  EXPECT_EQ(WithOptions({7, 6, 4, 0, 0, 0, 0, 0}), refused);
  EXPECT_EQ(WithOptions({7, 7, 3, 0, 0, 0, 0, 0}), refused);
  EXPECT_EQ(WithOptions({68, 8, 5, 0, 0, 0, 0, 0}), "");
  EXPECT_EQ(WithOptions({68, 8, 5, 1, 0, 0, 0, 0}), refused);  // No room for address and time.
  EXPECT_EQ(WithOptions({68, 8, 5, 2, 0, 0, 0, 0}), refused);  // No such kind.
  EXPECT_EQ(WithOptions({68, 8, 9, 0xf0, 0, 0, 0, 0}), refused);
  EXPECT_EQ(WithOptions({0, 131, 9, 9}), "");  // Behind the end.
}

TEST(PacketClassTest, HopByHopOptionsThatAskForADrop) {
  const std::string refused = NameOf(LeftOut::kHopByHop);
  EXPECT_EQ(HopByHop({1, 4, 0, 0, 0, 0}), "");
  EXPECT_EQ(HopByHop({1, 4, 0, 0, 0, 1}), refused);  // Padding that is none.
  EXPECT_EQ(HopByHop({5, 2, 0, 0, 1, 0}), "");       // Router alert.
  EXPECT_EQ(HopByHop({5, 3, 0, 0, 0, 0}), refused);
  EXPECT_EQ(HopByHop({0x1e, 4, 0, 0, 0, 0}), "");
  EXPECT_EQ(HopByHop({0x5e, 4, 0, 0, 0, 0}), refused);
  EXPECT_EQ(HopByHop({0x1e, 9, 0, 0, 0, 0}), refused);
  EXPECT_EQ(ClassOf(Ipv6(Ipv6Header(0), {}), true), refused);  // It is not there.
}

TEST(PacketClassTest, WhatTheCaptureCut) {
  Ip ip;
  ip.protocol = 132;
  Buffer packet = Ipv4(ip, sensor::testing::SctpPacket(1, sensor::testing::SctpChunk(0, 3, {1})));
  EXPECT_EQ(ClassOf(packet, false), "");
  const auto full = static_cast<uint32_t>(packet.size());
  packet.resize(packet.size() - 1);
  const sensor::Decoded decoded =
      sensor::testing::DecodeFrame(packet, sensor::LinkType::kRawIp, full);
  ASSERT_EQ(decoded.kind, sensor::Decoded::Kind::kPacket);
  EXPECT_EQ(WhyLeftOut(decoded, packet, true), LeftOut::kCutDatagram);
  Ip fragment;
  fragment.fragmentation = 1;
  const Buffer bytes = Ipv4(fragment, Buffer(16, 1));
  const Buffer cut(bytes.begin(), bytes.end() - 1);
  EXPECT_EQ(WhyLeftOut(sensor::testing::DecodeFrame(cut, sensor::LinkType::kRawIp,
                                                    static_cast<uint32_t>(bytes.size())),
                       cut, true),
            LeftOut::kCutDatagram);
}

TEST(PacketClassTest, UdpliteIsComparedWhereChecksumsDoNotCount) {
  Ip ip;
  ip.protocol = 136;
  const Buffer packet = Ipv4(ip, {0, 1, 0, 2, 0, 8, 1, 1});
  EXPECT_EQ(ClassOf(packet, false, true), "UDP-Lite checksum");
  EXPECT_EQ(ClassOf(packet, false, false), "");
}

TEST(PacketClassTest, HeaderLongerThanThePacket) {
  Ip ip;
  ip.total_length = 18;
  EXPECT_EQ(ClassOf(Ipv4(ip, {}), false), "IP header longer than the packet");
}

TEST(PacketClassTest, EveryClassHasANameOfItsOwn) {
  std::set<std::string> names;
  for (size_t i = 0; i < kLeftOutClasses; ++i) names.insert(NameOf(static_cast<LeftOut>(i)));
  EXPECT_EQ(names.size(), kLeftOutClasses);
  names.clear();
  for (size_t i = 0; i < kCompletions; ++i) names.insert(NameOf(static_cast<Completion>(i)));
  EXPECT_EQ(names.size(), kCompletions);
}

}  // namespace
}  // namespace conntrack
