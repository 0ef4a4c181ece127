#include "client/sensor/network_layer.h"

#include <gtest/gtest.h>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Be16;
using testing::Be32;
using testing::Buffer;
using testing::DecodeFrame;
using testing::DecodeIpv4;
using testing::DecodeIpv6;
using testing::Ethernet;
using testing::ExtensionHeader;
using testing::FragmentHeader;
using testing::Ip;
using testing::Ipv4;
using testing::Ipv6;
using testing::Ipv6Header;
using testing::MakeAddress;
using testing::TcpSegment;
using testing::operator+;

void ExpectDiscarded(const Decoded& decoded, Discard reason) {
  ASSERT_EQ(decoded.kind, Decoded::Kind::kDiscarded);
  EXPECT_STREQ(DiscardName(decoded.discard), DiscardName(reason));
}

void ExpectMalformed(const Decoded& decoded, Malformed reason) {
  ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket) << DiscardName(decoded.discard);
  EXPECT_EQ(decoded.packet.malformed, reason);
  EXPECT_TRUE(decoded.packet.flags & kMalformed);
}

TEST(Ipv4Test, AddressesAndLengthsAreRead) {
  Ip ip;
  ip.options = Buffer(8, 1);
  const Packet packet = DecodeIpv4(Ipv4(ip, TcpSegment(ip, {}, {1, 2, 3}))).packet;
  EXPECT_FALSE(packet.ipv6);
  EXPECT_EQ(packet.source, MakeAddress("192.0.2.1"));
  EXPECT_EQ(packet.destination, MakeAddress("192.0.2.2"));
  EXPECT_EQ(packet.protocol, 6);
  EXPECT_EQ(packet.network_header_length, 28u);
  EXPECT_EQ(packet.total_length, 28u + 20u + 3u);
  EXPECT_EQ(packet.time_unix_ns, 1'700'000'000'000'000'000u);
}

TEST(Ipv4Test, HopLimitOf255IsFlagged) {
  Ip ip;
  ip.hop_limit = 255;
  EXPECT_EQ(DecodeIpv4(Ipv4(ip, TcpSegment(ip, {}))).packet.flags, kHopLimit255);
}

TEST(Ipv4Test, FramesThatAHostDropsAreDiscarded) {
  const Buffer segment = TcpSegment({}, {});
  Ip bad_checksum;
  bad_checksum.header_checksum = 0x1234;
  ExpectDiscarded(DecodeIpv4(Ipv4(bad_checksum, segment)), Discard::kIpv4Checksum);
  Ip too_long;
  too_long.total_length = 41;
  ExpectDiscarded(DecodeIpv4(Ipv4(too_long, segment)), Discard::kIpv4TotalLength);
  Buffer version_6 = Ipv4({}, segment);
  version_6[0] = 0x65;
  ExpectDiscarded(DecodeIpv4(version_6), Discard::kIpVersion);
  Buffer short_header = Ipv4({}, segment);
  short_header[0] = 0x44;
  ExpectDiscarded(DecodeIpv4(short_header), Discard::kIpv4HeaderLength);
  ExpectDiscarded(DecodeIpv4(Buffer(19, 0x45)), Discard::kIpHeader);
}

TEST(Ipv4Test, WhatIsLeftToTheCardIsTakenFromTheFrame) {
  Ip ip;
  ip.header_checksum = 0;
  ip.total_length = 0;
  const Decoded decoded = DecodeIpv4(Ipv4(ip, TcpSegment(ip, {}, Buffer(1'000, 7))));
  ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket);
  EXPECT_EQ(decoded.packet.total_length, 1'040u);
  EXPECT_EQ(decoded.packet.flags, 0);
}

TEST(Ipv4Test, HeaderBeyondThePacketIsMalformed) {
  Ip ip;
  ip.options = Buffer(20, 1);
  ip.total_length = 30;
  const Decoded decoded = DecodeIpv4(Ipv4(ip, Buffer(20, 0)));
  ExpectMalformed(decoded, Malformed::kNetworkHeader);
  EXPECT_EQ(decoded.packet.source, MakeAddress("192.0.2.1"));
  EXPECT_EQ(decoded.packet.total_length, 30u);
  EXPECT_EQ(decoded.packet.ports, 0u);
}

TEST(Ipv4Test, HeaderCutByTheCaptureIsNoFaultOfThePacket) {
  const Buffer frame = Ethernet(0x0800, Ipv4({}, TcpSegment({}, {})));
  for (const ptrdiff_t kept : {14 + 19, 14 + 20, 14 + 39}) {
    const Buffer cut(frame.begin(), frame.begin() + kept);
    ExpectDiscarded(DecodeFrame(cut, LinkType::kEthernet, 60), Discard::kCaptureTruncated);
  }
}

TEST(Ipv4Test, FragmentsKeepTheirPlace) {
  Ip ip;
  ip.id = 77;
  ip.fragmentation = 0x2000 | 3;
  const Decoded decoded = DecodeIpv4(Ipv4(ip, Buffer(16, 1)));
  ASSERT_EQ(decoded.kind, Decoded::Kind::kFragment);
  EXPECT_EQ(decoded.fragment.id, 77u);
  EXPECT_EQ(decoded.fragment.offset, 24u);
  EXPECT_TRUE(decoded.fragment.more);
  EXPECT_EQ(decoded.fragment.length, 16u);
  EXPECT_EQ(decoded.fragment.captured.size(), 16u);
}

TEST(Ipv4Test, DoNotFragmentIsNoFragment) {
  Ip ip;
  ip.fragmentation = 0x4000;
  EXPECT_EQ(DecodeIpv4(Ipv4(ip, TcpSegment(ip, {}))).kind, Decoded::Kind::kPacket);
}

TEST(Ipv6Test, AddressesAndLengthsAreRead) {
  const Ip ip = Ipv6Header(6);
  const Packet packet = DecodeIpv6(Ipv6(ip, TcpSegment(ip, {}, {1}))).packet;
  EXPECT_TRUE(packet.ipv6);
  EXPECT_EQ(packet.source, MakeAddress("2001:db8::1"));
  EXPECT_EQ(packet.destination, MakeAddress("2001:db8::2"));
  EXPECT_EQ(packet.network_header_length, 40u);
  EXPECT_EQ(packet.total_length, 61u);
}

TEST(Ipv6Test, ExtensionHeadersAreSkipped) {
  // Hop-by-hop, destination options of 24 bytes, routing, authentication of 16.
  Ip ip = Ipv6Header(0);
  const Buffer authentication = Buffer{6, 2} + Buffer(14, 0);
  const Buffer chain =
      ExtensionHeader(60) + ExtensionHeader(43, 2) + ExtensionHeader(51) + authentication;
  const Packet packet = DecodeIpv6(Ipv6(ip, chain + TcpSegment(Ipv6Header(6), {}))).packet;
  EXPECT_EQ(packet.malformed, Malformed::kNone);
  EXPECT_EQ(packet.protocol, 6);
  EXPECT_EQ(packet.network_header_length, 40u + 8u + 24u + 8u + 16u);
  EXPECT_EQ(packet.ports, 40'000u << 16 | 80u);
  EXPECT_EQ(packet.flags, 0);
}

TEST(Ipv6Test, FragmentThatCutsNothingIsADatagramOfOne) {
  const Buffer segment = TcpSegment(Ipv6Header(6), {});
  const Decoded decoded =
      DecodeIpv6(Ipv6(Ipv6Header(44), FragmentHeader(6, 0, false, 9) + segment));
  ASSERT_EQ(decoded.kind, Decoded::Kind::kFragment);
  EXPECT_EQ(decoded.fragment.offset, 0u);
  EXPECT_FALSE(decoded.fragment.more);
  // Linux counts its bytes without the fragment header.
  EXPECT_EQ(decoded.packet.network_header_length, 40u);
  EXPECT_EQ(decoded.fragment.length, segment.size());
}

TEST(Ipv6Test, FragmentInADatagramThatWasPutTogetherIsReadOrMalformed) {
  const Buffer segment = TcpSegment(Ipv6Header(6), {});
  Packet later = DecodeIpv6(Ipv6(Ipv6Header(6), segment)).packet;
  Packet first = later;
  first.protocol = later.protocol = kIpv6Fragment;
  const Buffer first_bytes = FragmentHeader(6, 0, true, 7) + segment;
  DecodeReassembled(first_bytes, static_cast<uint32_t>(first_bytes.size()), Checksums::kVerify,
                    first);
  EXPECT_EQ(first.malformed, Malformed::kNone);
  EXPECT_EQ(first.ports, 40'000u << 16 | 80u);
  const Buffer later_bytes = FragmentHeader(6, 8, false, 7) + segment;
  DecodeReassembled(later_bytes, static_cast<uint32_t>(later_bytes.size()), Checksums::kVerify,
                    later);
  EXPECT_EQ(later.malformed, Malformed::kFragment);
}

TEST(Ipv6Test, FragmentThatBreaksTheRulesIsTakenAsItIs) {
  const Buffer segment = TcpSegment(Ipv6Header(6), {}, Buffer(5, 1));
  // More follow, and it is no multiple of 8 bytes long: read when it is the first.
  const Packet first =
      DecodeIpv6(Ipv6(Ipv6Header(44), FragmentHeader(6, 0, true, 9) + segment)).packet;
  EXPECT_EQ(first.malformed, Malformed::kNone);
  EXPECT_EQ(first.ports, 40'000u << 16 | 80u);
  EXPECT_EQ(first.network_header_length, 48u);
  ExpectMalformed(DecodeIpv6(Ipv6(Ipv6Header(44), FragmentHeader(6, 8, true, 9) + segment)),
                  Malformed::kFragment);
  // A first fragment that ends in the transport header.
  ExpectMalformed(DecodeIpv6(Ipv6(Ipv6Header(44), FragmentHeader(6, 0, true, 9) + Buffer(16, 1))),
                  Malformed::kTransportTruncated);
  // With all of it, or a chain that cannot be followed, it waits for others.
  for (const auto& [next, bytes] : {std::pair<uint8_t, size_t>{6, 24}, {17, 8}, {59, 8}}) {
    const Decoded decoded =
        DecodeIpv6(Ipv6(Ipv6Header(44), FragmentHeader(next, 0, true, 9) + Buffer(bytes, 1)));
    EXPECT_EQ(decoded.kind, Decoded::Kind::kFragment) << int{next};
  }
}

TEST(Ipv6Test, FragmentsKeepTheirPlace) {
  const Decoded decoded = DecodeIpv6(Ipv6(
      Ipv6Header(60), ExtensionHeader(44) + FragmentHeader(17, 1'448, true, 99) + Buffer(24, 5)));
  ASSERT_EQ(decoded.kind, Decoded::Kind::kFragment);
  EXPECT_EQ(decoded.fragment.id, 99u);
  EXPECT_EQ(decoded.fragment.offset, 1'448u);
  EXPECT_EQ(decoded.fragment.protocol, 17);
  EXPECT_EQ(decoded.fragment.length, 24u);
  EXPECT_EQ(decoded.packet.network_header_length, 48u);
}

TEST(Ipv6Test, ChainsThatCannotBeFollowedAreMalformed) {
  // No next header.
  ExpectMalformed(DecodeIpv6(Ipv6(Ipv6Header(59), Buffer(8, 0))), Malformed::kNetworkHeader);
  // The packet ends before the header says what follows.
  ExpectMalformed(DecodeIpv6(Ipv6(Ipv6Header(0), Buffer(1, 0))), Malformed::kNetworkHeader);
  // The header is longer than the packet, and another should follow.
  ExpectMalformed(DecodeIpv6(Ipv6(Ipv6Header(60), {43, 200, 0, 0, 0, 0, 0, 0})),
                  Malformed::kNetworkHeader);
}

TEST(Ipv6Test, HeaderBeyondThePacketLeavesTheUpperLayerNoBytes) {
  ExpectMalformed(DecodeIpv6(Ipv6(Ipv6Header(60), {6, 200, 0, 0, 0, 0, 0, 0})),
                  Malformed::kTransportTruncated);
  const Packet packet = DecodeIpv6(Ipv6(Ipv6Header(60), {200, 200, 0, 0})).packet;
  EXPECT_EQ(packet.malformed, Malformed::kNone);
  EXPECT_EQ(packet.protocol, 200);
  EXPECT_EQ(packet.network_header_length, packet.total_length);
}

TEST(Ipv6Test, PayloadBeyondTheFrameIsDiscarded) {
  Ip ip = Ipv6Header(6);
  ip.total_length = 21;
  ExpectDiscarded(DecodeIpv6(Ipv6(ip, TcpSegment(ip, {}))), Discard::kIpv6PayloadLength);
  ExpectDiscarded(DecodeIpv6(Buffer(39, 0x60)), Discard::kIpHeader);
}

TEST(Ipv6Test, JumboPayloadHasItsOwnLength) {
  Ip ip = Ipv6Header(0);
  ip.total_length = 0;
  const Buffer segment = TcpSegment(Ipv6Header(6), {}, Buffer(70'000, 1));
  const Buffer jumbo = Buffer{6, 0, 0xc2, 4} + Be32(static_cast<uint32_t>(8 + segment.size()));
  const Decoded decoded = DecodeIpv6(Ipv6(ip, jumbo + segment));
  ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket);
  EXPECT_EQ(decoded.packet.total_length, 40u + 8u + segment.size());
  EXPECT_EQ(decoded.packet.network_header_length, 48u);
}

TEST(Ipv6Test, ChainCutByTheCaptureIsNoFaultOfThePacket) {
  Buffer frame =
      Ethernet(0x86dd, Ipv6(Ipv6Header(0), ExtensionHeader(6) + TcpSegment(Ipv6Header(6), {})));
  frame.resize(14 + 44);
  ExpectDiscarded(DecodeFrame(frame, LinkType::kEthernet, 200), Discard::kCaptureTruncated);
}

}  // namespace
}  // namespace conntrack::sensor
