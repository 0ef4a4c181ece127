#include "client/sensor/transport_layer.h"

#include <gtest/gtest.h>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Be16;
using testing::Be32;
using testing::Buffer;
using testing::DecodeIpv4;
using testing::Ip;
using testing::Ipv4;
using testing::Tcp;
using testing::TcpSegment;
using testing::operator+;

Packet DecodeTcp(const Tcp& tcp, const Buffer& payload = {}) {
  return DecodeIpv4(Ipv4({}, TcpSegment({}, tcp, payload))).packet;
}

// A packet of `protocol` whose payload is `segment`.
Packet DecodeProtocol(uint8_t protocol, const Buffer& segment) {
  Ip ip;
  ip.protocol = protocol;
  const Decoded decoded = DecodeIpv4(Ipv4(ip, segment));
  EXPECT_EQ(decoded.kind, Decoded::Kind::kPacket);
  return decoded.packet;
}

TEST(TcpTest, HeaderIsRead) {
  Tcp tcp;
  tcp.flags = 0xd8;
  tcp.sequence = 0xfffffff0;
  tcp.acknowledgment = 0x80000001;
  tcp.window = 0xfedc;
  const Packet packet = DecodeTcp(tcp, {1});
  EXPECT_EQ(packet.ports, 40'000u << 16 | 80u);
  EXPECT_EQ(packet.tcp_flags, 0xd8);
  EXPECT_EQ(packet.sequence, 0xfffffff0u);
  EXPECT_EQ(packet.acknowledgment, 0x80000001u);
  EXPECT_EQ(packet.window, 0xfedc);
  EXPECT_EQ(packet.tcp_header_words, 5);
  EXPECT_EQ(packet.flags, 0);
  EXPECT_EQ(packet.tcp_options, 0u);
}

TEST(TcpTest, ShortHeaderIsTruncated) {
  for (const size_t length : {0u, 3u, 4u, 19u}) {
    const Packet packet = DecodeProtocol(6, Buffer(length, 0x50));
    EXPECT_EQ(packet.malformed, Malformed::kTransportTruncated) << length;
    EXPECT_EQ(packet.ports, 0u);
  }
}

TEST(TcpTest, DataOffsetOutsideThePacketIsMalformed) {
  for (const uint8_t words : {0, 4, 6, 15}) {
    Tcp tcp;
    tcp.header_words = words;
    const Packet packet = DecodeTcp(tcp);
    EXPECT_EQ(packet.malformed, Malformed::kTcpHeaderLength) << int{words};
    EXPECT_EQ(packet.flags, kMalformed);
    EXPECT_EQ(packet.ports, 40'000u << 16 | 80u);
    EXPECT_EQ(packet.tcp_header_words, words);
  }
}

TEST(TcpOptionsTest, SynOptionsAreRead) {
  Tcp tcp;
  // MSS, SACK permitted, timestamp, no-operation, window scale 7.
  tcp.options = Buffer{2, 4, 5, 0xb4, 4, 2, 8, 10} + Buffer(8, 0) + Buffer{1, 3, 3, 7};
  const Packet packet = DecodeTcp(tcp);
  EXPECT_EQ(packet.tcp_options, kWindowScalePresent | kSackPermitted | 7u);
  EXPECT_EQ(packet.flags, kHasTcpOptions);
  EXPECT_EQ(packet.tcp_header_words, 10);
}

TEST(TcpOptionsTest, ScaleIsReportedAsAnnounced) {
  Tcp tcp;
  tcp.options = {3, 3, 200, 0};
  EXPECT_EQ(DecodeTcp(tcp).tcp_options, kWindowScalePresent | 200u);
}

TEST(TcpOptionsTest, TimestampAloneNeedsNoRow) {
  Tcp tcp;
  tcp.options = Buffer{1, 1, 8, 10} + Buffer(8, 9);
  const Packet packet = DecodeTcp(tcp);
  EXPECT_EQ(packet.tcp_options, 0u);
  EXPECT_EQ(packet.flags, kHasTcpOptions);
}

TEST(TcpOptionsTest, ParsingStopsAtTheEndAndAtTheFirstBrokenOption) {
  Tcp tcp;
  tcp.options = {0, 3, 3, 7};
  EXPECT_EQ(DecodeTcp(tcp).tcp_options, 0u);
  tcp.options = {4, 2, 9, 1, 3, 3, 7, 0};  // Length 1.
  EXPECT_EQ(DecodeTcp(tcp).tcp_options, kSackPermitted);
  tcp.options = {4, 2, 9, 3, 1, 3, 3, 7};  // Fits: the next option is a scale.
  EXPECT_EQ(DecodeTcp(tcp).tcp_options, kSackPermitted | kWindowScalePresent | 7u);
  tcp.options = {4, 2, 3, 40};  // Beyond the header.
  EXPECT_EQ(DecodeTcp(tcp).tcp_options, kSackPermitted);
}

TEST(TcpOptionsTest, WrongLengthsAreSkipped) {
  Tcp tcp;
  tcp.options = {3, 4, 7, 7, 4, 3, 1, 1};
  EXPECT_EQ(DecodeTcp(tcp).tcp_options, 0u);
}

Buffer Sack(std::initializer_list<uint32_t> right_edges) {
  Buffer option{5, static_cast<uint8_t>(2 + 8 * right_edges.size())};
  for (const uint32_t right : right_edges) option = option + Be32(right - 10) + Be32(right);
  return Buffer{1, 1} + option;
}

TEST(TcpOptionsTest, HighestSackEdgeAfterTheAcknowledgmentCounts) {
  Tcp tcp;
  tcp.flags = 0x10;
  tcp.acknowledgment = 1'000;
  tcp.options = Sack({2'000, 5'000, 3'000});
  const Packet packet = DecodeTcp(tcp);
  EXPECT_EQ(packet.tcp_options, kSackEdgePresent);
  EXPECT_EQ(packet.sack_edge, 5'000u);
}

TEST(TcpOptionsTest, SackEdgesWrapAround) {
  Tcp tcp;
  tcp.flags = 0x10;
  tcp.acknowledgment = 0xffffff00;
  tcp.options = Sack({0xffffff80, 20});
  EXPECT_EQ(DecodeTcp(tcp).sack_edge, 20u);
}

TEST(TcpOptionsTest, SackBelowTheAcknowledgmentSaysNothing) {
  Tcp tcp;
  tcp.flags = 0x10;
  tcp.acknowledgment = 9'000;
  tcp.options = Sack({2'000});  // A duplicate (RFC 2883).
  EXPECT_EQ(DecodeTcp(tcp).tcp_options, 0u);
}

TEST(TcpOptionsTest, OnlyTheFirstSackOptionCounts) {
  Tcp tcp;
  tcp.flags = 0x10;
  tcp.acknowledgment = 1'000;
  tcp.options = Sack({2'000}) + Sack({4'000});
  EXPECT_EQ(DecodeTcp(tcp).sack_edge, 2'000u);
}

TEST(UdpTest, PortsAreRead) {
  Ip ip;
  ip.protocol = 17;
  const Packet packet = DecodeIpv4(Ipv4(ip, testing::UdpDatagram(ip, 5'353, 53, {1, 2, 3}))).packet;
  EXPECT_EQ(packet.ports, 5'353u << 16 | 53u);
  EXPECT_EQ(packet.flags, 0);
}

TEST(UdpTest, LengthFieldMustFitThePacket) {
  for (const uint16_t length : {0, 7, 12}) {
    Ip ip;
    ip.protocol = 17;
    const Packet packet =
        DecodeIpv4(Ipv4(ip, testing::UdpDatagram(ip, 1, 2, {1, 2, 3}, length))).packet;
    EXPECT_EQ(packet.malformed, Malformed::kUdpLength) << length;
    EXPECT_EQ(packet.ports, 1u << 16 | 2u);
  }
  EXPECT_EQ(DecodeProtocol(17, Buffer(7, 0)).malformed, Malformed::kTransportTruncated);
}

TEST(UdpliteTest, CoverageMustFitThePacket) {
  const auto datagram = [](uint16_t coverage) {
    return Be16(7) + Be16(8) + Be16(coverage) + Be16(0) + Buffer(4, 1);
  };
  for (const uint16_t coverage : {1, 7, 13}) {
    EXPECT_EQ(DecodeProtocol(136, datagram(coverage)).malformed, Malformed::kUdpliteCoverage);
  }
}

TEST(UdpliteTest, ChecksumIsMandatory) {
  const Buffer datagram = Be16(7) + Be16(8) + Be16(0) + Be16(0) + Buffer(4, 1);
  const Packet packet = DecodeProtocol(136, datagram);
  EXPECT_EQ(packet.malformed, Malformed::kUdpliteCoverage);
  EXPECT_EQ(packet.ports, 7u << 16 | 8u);
  // Who changed a capture may have taken the checksum away.
  Packet ignored{};
  ignored.protocol = 136;
  ParseTransportLayer(datagram, 12, Checksums::kIgnore, ignored);
  EXPECT_EQ(ignored.flags, kChecksumUnknown);
}

TEST(UdpliteTest, PseudoHeaderHasItsOwnProtocolNumber) {
  Ip ip;
  ip.protocol = 136;
  for (const uint16_t coverage : {0, 8, 12}) {
    Buffer datagram = Be16(7) + Be16(8) + Be16(coverage) + Be16(0) + Buffer(4, 0);
    testing::PutTransportChecksum(ip, 136, 6, &datagram);
    EXPECT_EQ(DecodeProtocol(136, datagram).flags, 0) << coverage;
    testing::PutTransportChecksum(ip, 17, 6, &datagram);
    EXPECT_EQ(DecodeProtocol(136, datagram).flags, kChecksumBad) << coverage;
  }
}

TEST(UdpliteTest, ChecksumOfACutCaptureNeedsOnlyTheCoveredBytes) {
  Ip ip;
  ip.protocol = 136;
  Buffer datagram = Be16(7) + Be16(8) + Be16(10) + Be16(0) + Buffer(20, 0);
  testing::PutTransportChecksum(ip, 136, 6, &datagram);
  for (const size_t cut : {18u, 19u}) {
    const Buffer frame = testing::Ethernet(0x0800, Ipv4(ip, datagram));
    const Buffer captured(frame.begin(), frame.end() - static_cast<ptrdiff_t>(cut));
    EXPECT_EQ(testing::DecodeFrame(captured, LinkType::kEthernet, 62).packet.flags,
              cut == 18 ? 0 : kChecksumUnknown);
  }
}

TEST(UdpliteTest, OnlyTheCoveredBytesAreSummed) {
  Ip ip;
  ip.protocol = 136;
  Buffer datagram = Be16(7) + Be16(8) + Be16(8) + Be16(0) + Buffer(4, 0);
  testing::PutTransportChecksum(ip, 136, 6, &datagram);
  datagram.back() = 99;
  const Packet packet = DecodeIpv4(Ipv4(ip, datagram)).packet;
  EXPECT_EQ(packet.flags, 0);
  EXPECT_EQ(packet.ports, 7u << 16 | 8u);
}

// A header of PPTP with call id 0x1234, and of the same length otherwise.
Buffer Gre(uint8_t version, uint16_t protocol) {
  return Buffer{0x20, version} + Be16(protocol) + Be16(4) + Be16(0x1234) + Be32(7);
}

TEST(GreTest, VersionOneHasItsCallId) {
  for (const uint8_t flags_and_version : {0x01, 0x81, 0xf9}) {
    const Packet packet = DecodeProtocol(47, Gre(flags_and_version, 0x880b));
    EXPECT_EQ(packet.ports, 0x1234u);
    EXPECT_EQ(packet.flags, 0);
  }
}

TEST(GreTest, VersionOneMustCarryPpp) {
  const Packet packet = DecodeProtocol(47, Gre(1, 0x0800));
  EXPECT_EQ(packet.malformed, Malformed::kGreVersion);
  EXPECT_EQ(packet.ports, 0u);
}

TEST(GreTest, OtherVersionsNameNothing) {
  for (const uint8_t version : {0, 2, 3, 4, 5, 6, 7}) {
    for (const uint16_t protocol : {0x880b, 0x0800}) {
      const Packet packet = DecodeProtocol(47, Gre(version, protocol));
      EXPECT_EQ(packet.ports, 0u) << int{version};
      EXPECT_EQ(packet.flags, 0) << int{version};
    }
  }
}

TEST(GreTest, HeaderTooShortForACallIdNamesNothing) {
  for (size_t length = 0; length < 8; ++length) {
    Buffer header = Gre(1, 0x0800);
    header.resize(length);
    const Packet packet = DecodeProtocol(47, header);
    EXPECT_EQ(packet.ports, 0u) << length;
    EXPECT_EQ(packet.flags, 0) << length;
  }
}

TEST(GreTest, CaptureMustShowTheVersionAndACallId) {
  const auto parse = [](const Buffer& header, size_t captured) {
    Packet packet{};
    packet.protocol = 47;
    return ParseTransportLayer(FirstBytes(header, captured), static_cast<uint32_t>(header.size()),
                               Checksums::kVerify, packet);
  };
  EXPECT_EQ(parse(Gre(0, 0x0800), 1), Discard::kCaptureTruncated);
  EXPECT_EQ(parse(Gre(0, 0x0800), 2), Discard::kNone);
  EXPECT_EQ(parse(Gre(1, 0x880b), 7), Discard::kCaptureTruncated);
  EXPECT_EQ(parse(Gre(1, 0x880b), 8), Discard::kNone);
}

TEST(OtherProtocolTest, HasNoPorts) {
  for (const uint8_t protocol : {2, 33, 41, 50, 51, 89, 112}) {
    const Packet packet = DecodeProtocol(protocol, Buffer(16, 0xab));
    EXPECT_EQ(packet.ports, 0u) << int{protocol};
    EXPECT_EQ(packet.flags, 0) << int{protocol};
    EXPECT_EQ(packet.protocol, protocol);
  }
}

}  // namespace
}  // namespace conntrack::sensor
