#include "client/sensor/icmp.h"

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
using testing::ExtensionHeader;
using testing::FragmentHeader;
using testing::IcmpMessage;
using testing::Icmpv6Message;
using testing::Ip;
using testing::Ipv4;
using testing::Ipv6;
using testing::Ipv6Header;
using testing::MakeAddress;
using testing::TcpSegment;
using testing::operator+;

Ip Icmp() {
  Ip ip;
  ip.protocol = 1;
  return ip;
}

Packet DecodeIcmp(uint8_t type, uint8_t code, const Buffer& rest) {
  const Decoded decoded = DecodeIpv4(Ipv4(Icmp(), IcmpMessage(type, code, rest)));
  EXPECT_EQ(decoded.kind, Decoded::Kind::kPacket) << DiscardName(decoded.discard);
  return decoded.packet;
}

Packet DecodeIcmpv6(uint8_t type, uint8_t code, const Buffer& rest) {
  const Ip ip = Ipv6Header(58);
  const Decoded decoded = DecodeIpv6(Ipv6(ip, Icmpv6Message(ip, type, code, rest)));
  EXPECT_EQ(decoded.kind, Decoded::Kind::kPacket) << DiscardName(decoded.discard);
  return decoded.packet;
}

Buffer Cut(Buffer bytes, size_t length) {
  bytes.resize(length);
  return bytes;
}

TEST(IcmpTest, QueriesHaveTypeCodeAndId) {
  for (const uint8_t type : {0, 8, 13, 14, 15, 16, 17, 18}) {
    EXPECT_EQ(DecodeIcmp(type, 5, Be16(0xbeef) + Be16(1)).ports, uint32_t{type} << 24 | 0x05beefu);
  }
  EXPECT_EQ(DecodeIcmp(10, 0, Be16(0xbeef) + Be16(1)).ports, 10u << 24);
  for (const uint8_t type : {128, 129, 139, 140}) {
    EXPECT_EQ(DecodeIcmpv6(type, 0, Be16(0xbeef) + Be16(1)).ports,
              uint32_t{type} << 24 | 0x00beefu);
  }
  EXPECT_EQ(DecodeIcmpv6(135, 0, Be32(0) + Buffer(16, 1)).ports, 135u << 24);
}

TEST(IcmpTest, IcmpOfTheOtherFamilyHasNoQuote) {
  const Buffer quoted = Ipv4({}, TcpSegment({}, {}));
  const Packet packet = DecodeIpv6(Ipv6(Ipv6Header(1), IcmpMessage(3, 1, Be32(0) + quoted))).packet;
  EXPECT_EQ(packet.protocol, 1);
  EXPECT_EQ(packet.ports, 0x03010000u);
  EXPECT_FALSE(packet.has_quote);
  EXPECT_EQ(packet.flags, 0);
}

TEST(IcmpTest, ShortHeaderIsTruncated) {
  for (const size_t length : {0u, 4u, 7u}) {
    EXPECT_EQ(DecodeIpv4(Ipv4(Icmp(), Buffer(length, 8))).packet.malformed,
              Malformed::kTransportTruncated);
  }
}

TEST(IcmpErrorTest, QuotesOfAllErrorTypesAreRead) {
  for (const uint8_t type : {3, 4, 5, 11, 12}) {
    const Packet packet = DecodeIcmp(type, 1, Be32(0) + Ipv4({}, TcpSegment({}, {})));
    ASSERT_TRUE(packet.has_quote) << int{type};
    EXPECT_EQ(packet.ports, uint32_t{type} << 24 | 0x010000u);
    EXPECT_EQ(packet.quote.source, MakeAddress("192.0.2.1"));
    EXPECT_EQ(packet.quote.destination, MakeAddress("192.0.2.2"));
    EXPECT_EQ(packet.quote.protocol, 6);
    EXPECT_EQ(packet.quote.ports, 40'000u << 16 | 80u);
    EXPECT_EQ(packet.flags, 0);
  }
}

TEST(IcmpErrorTest, FourBytesOfPortsSuffice) {
  const Buffer quoted = Ipv4({}, TcpSegment({}, {}));
  EXPECT_TRUE(DecodeIcmp(3, 3, Be32(0) + Cut(quoted, 24)).has_quote);
  for (const size_t length : {0u, 19u, 20u, 23u}) {
    const Packet packet = DecodeIcmp(3, 3, Be32(0) + Cut(quoted, length));
    EXPECT_EQ(packet.malformed, Malformed::kIcmpErrorQuote) << length;
    EXPECT_FALSE(packet.has_quote);
  }
}

TEST(IcmpErrorTest, PortsOfEveryProtocolThatHasThemAreQuoted) {
  for (const uint8_t protocol : {17, 132, 136}) {
    Ip ip;
    ip.protocol = protocol;
    const Buffer quoted = Ipv4(ip, Be16(5'000) + Be16(6'000));
    const Packet packet = DecodeIcmp(3, 3, Be32(0) + quoted);
    ASSERT_TRUE(packet.has_quote) << int{protocol};
    EXPECT_EQ(packet.quote.protocol, protocol);
    EXPECT_EQ(packet.quote.ports, 5'000u << 16 | 6'000u);
    EXPECT_EQ(DecodeIcmp(3, 3, Be32(0) + Cut(quoted, 23)).malformed, Malformed::kIcmpErrorQuote);
    const Packet packet6 =
        DecodeIcmpv6(1, 4, Be32(0) + Ipv6(Ipv6Header(protocol), Be16(5'000) + Be16(6'000)));
    EXPECT_EQ(packet6.quote.ports, 5'000u << 16 | 6'000u);
  }
}

TEST(IcmpErrorTest, QuotedGreIsReadAsInAPacket) {
  Ip ip;
  ip.protocol = 47;
  const auto quote = [&](uint8_t version, uint16_t protocol, size_t length) {
    const Buffer header = Buffer{0x20, version} + Be16(protocol) + Be16(4) + Be16(0x1234);
    return DecodeIcmp(3, 2, Be32(0) + Cut(Ipv4(ip, header), 20 + length));
  };
  EXPECT_EQ(quote(1, 0x880b, 8).quote.ports, 0x1234u);
  for (const size_t length : {0u, 4u, 7u}) {
    EXPECT_TRUE(quote(1, 0x880b, length).has_quote) << length;
    EXPECT_TRUE(quote(1, 0x0800, length).has_quote) << length;
    EXPECT_EQ(quote(1, 0x880b, length).quote.ports, 0u) << length;
  }
  EXPECT_EQ(quote(1, 0x0800, 8).malformed, Malformed::kIcmpErrorQuote);
  EXPECT_TRUE(quote(0, 0x0800, 8).has_quote);
  EXPECT_EQ(quote(2, 0x880b, 8).quote.ports, 0u);
}

TEST(IcmpErrorTest, QuotedQueryNeedsItsWholeHeader) {
  const Buffer quoted = Ipv4(Icmp(), IcmpMessage(8, 0, Be16(77) + Be16(1)));
  const Packet packet = DecodeIcmp(11, 0, Be32(0) + quoted);
  ASSERT_TRUE(packet.has_quote);
  EXPECT_EQ(packet.quote.ports, 8u << 24 | 77u);
  EXPECT_EQ(DecodeIcmp(11, 0, Be32(0) + Cut(quoted, 27)).malformed, Malformed::kIcmpErrorQuote);
}

TEST(IcmpErrorTest, QuoteOfALaterFragmentIsMalformed) {
  Ip ip;
  ip.fragmentation = 1;
  EXPECT_EQ(DecodeIcmp(11, 1, Be32(0) + Ipv4(ip, Buffer(8, 0))).malformed,
            Malformed::kIcmpErrorQuote);
  ip.fragmentation = 0x2000;
  EXPECT_TRUE(DecodeIcmp(11, 1, Be32(0) + Ipv4(ip, Buffer(8, 0))).has_quote);
}

TEST(IcmpErrorTest, OtherProtocolsNeedOnlyTheirAddresses) {
  Ip ip;
  ip.protocol = 50;
  const Packet packet = DecodeIcmp(3, 0, Be32(0) + Ipv4(ip, {}));
  ASSERT_TRUE(packet.has_quote);
  EXPECT_EQ(packet.quote.protocol, 50);
  EXPECT_EQ(packet.quote.ports, 0u);
}

TEST(IcmpErrorTest, QuoteThatIsNoIpv4IsMalformed) {
  Buffer quoted = Ipv4({}, TcpSegment({}, {}));
  quoted[0] = 0x65;
  EXPECT_EQ(DecodeIcmp(3, 0, Be32(0) + quoted).malformed, Malformed::kIcmpErrorQuote);
  quoted[0] = 0x44;
  EXPECT_EQ(DecodeIcmp(3, 0, Be32(0) + quoted).malformed, Malformed::kIcmpErrorQuote);
}

TEST(IcmpErrorTest, QuoteCutByTheCaptureIsNoFaultOfThePacket) {
  Buffer frame = testing::Ethernet(
      0x0800, Ipv4(Icmp(), IcmpMessage(3, 3, Be32(0) + Ipv4({}, TcpSegment({}, {})))));
  const auto length = static_cast<uint32_t>(frame.size());
  frame.resize(14 + 20 + 8 + 22);
  const Decoded decoded = DecodeFrame(frame, LinkType::kEthernet, length);
  ASSERT_EQ(decoded.kind, Decoded::Kind::kDiscarded);
  EXPECT_EQ(decoded.discard, Discard::kCaptureTruncated);
}

TEST(Icmpv6ErrorTest, QuoteBehindExtensionHeadersIsRead) {
  const Buffer quoted = Ipv6(Ipv6Header(60), ExtensionHeader(44) + FragmentHeader(6, 0, true, 3) +
                                                 TcpSegment(Ipv6Header(6), {}));
  const Packet packet = DecodeIcmpv6(1, 4, Be32(0) + quoted);
  ASSERT_TRUE(packet.has_quote);
  EXPECT_EQ(packet.quote.source, MakeAddress("2001:db8::1"));
  EXPECT_EQ(packet.quote.protocol, 6);
  EXPECT_EQ(packet.quote.ports, 40'000u << 16 | 80u);
}

TEST(Icmpv6ErrorTest, ShortOrLaterQuotesAreMalformed) {
  const Buffer quoted = Ipv6(Ipv6Header(6), TcpSegment(Ipv6Header(6), {}));
  EXPECT_EQ(DecodeIcmpv6(2, 0, Be32(1280) + Cut(quoted, 39)).malformed, Malformed::kIcmpErrorQuote);
  EXPECT_EQ(DecodeIcmpv6(2, 0, Be32(1280) + Cut(quoted, 43)).malformed, Malformed::kIcmpErrorQuote);
  const Buffer later = Ipv6(Ipv6Header(44), FragmentHeader(6, 8, false, 3) + Buffer(20, 0));
  EXPECT_EQ(DecodeIcmpv6(3, 1, Be32(0) + later).malformed, Malformed::kIcmpErrorQuote);
}

TEST(Icmpv6RedirectTest, RedirectedHeaderIsTheQuote) {
  const Buffer quoted = Ipv6(Ipv6Header(6), TcpSegment(Ipv6Header(6), {}));
  const Buffer option = Buffer{4, static_cast<uint8_t>(1 + quoted.size() / 8)} + Buffer(6, 0);
  const Buffer head = Be32(0) + Buffer(32, 1);
  const Packet packet = DecodeIcmpv6(137, 0, head + option + quoted);
  ASSERT_TRUE(packet.has_quote);
  EXPECT_EQ(packet.quote.ports, 40'000u << 16 | 80u);
  // Another option first: nothing is quoted, and nothing is wrong.
  const Packet other = DecodeIcmpv6(137, 0, head + Buffer{2, 1, 0, 0, 0, 0, 0, 0});
  EXPECT_FALSE(other.has_quote);
  EXPECT_EQ(other.malformed, Malformed::kNone);
  EXPECT_EQ(DecodeIcmpv6(137, 0, head).malformed, Malformed::kIcmpErrorQuote);
}

}  // namespace
}  // namespace conntrack::sensor
