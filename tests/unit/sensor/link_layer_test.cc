#include "client/sensor/link_layer.h"

#include <gtest/gtest.h>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Be16;
using testing::Be32;
using testing::Buffer;
using testing::DecodeFrame;
using testing::Ethernet;
using testing::Ipv4;
using testing::Ipv6;
using testing::Ipv6Header;
using testing::TcpSegment;
using testing::operator+;

Buffer V4() { return Ipv4({}, TcpSegment({}, {})); }
Buffer V6() { return Ipv6(Ipv6Header(6), TcpSegment(Ipv6Header(6), {})); }

void ExpectPacket(const Decoded& decoded, bool ipv6) {
  ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket) << DiscardName(decoded.discard);
  EXPECT_EQ(decoded.packet.ipv6, ipv6);
  EXPECT_EQ(decoded.packet.ports, 40'000u << 16 | 80u);
  EXPECT_EQ(decoded.packet.flags, 0);
}

void ExpectDiscarded(const Decoded& decoded, Discard reason) {
  ASSERT_EQ(decoded.kind, Decoded::Kind::kDiscarded);
  EXPECT_STREQ(DiscardName(decoded.discard), DiscardName(reason));
}

TEST(LinkLayerTest, EthernetCarriesBothFamilies) {
  ExpectPacket(DecodeFrame(Ethernet(0x0800, V4())), false);
  ExpectPacket(DecodeFrame(Ethernet(0x86dd, V6())), true);
}

TEST(LinkLayerTest, OtherEtherTypesAreNotIp) {
  for (const uint16_t type : {0x0806, 0x88cc, 0x0026, 0x8863}) {
    ExpectDiscarded(DecodeFrame(Ethernet(type, Buffer(46, 0))), Discard::kNotIp);
  }
}

TEST(LinkLayerTest, VlanTagsAreSkipped) {
  ExpectPacket(DecodeFrame(Ethernet(0x8100, Be16(5) + Be16(0x0800) + V4())), false);
  ExpectPacket(
      DecodeFrame(Ethernet(0x88a8, Be16(5) + Be16(0x8100) + Be16(6) + Be16(0x86dd) + V6())), true);
}

TEST(LinkLayerTest, TagsWithoutEndAreNotIp) {
  Buffer tags;
  for (int i = 0; i < 100; ++i) tags = tags + Be16(1) + Be16(0x8100);
  ExpectDiscarded(DecodeFrame(Ethernet(0x8100, tags)), Discard::kNotIp);
}

TEST(LinkLayerTest, MplsLabelsAreSkipped) {
  const Buffer labels = Be32(0x00010040) + Be32(0x00020140);
  ExpectPacket(DecodeFrame(Ethernet(0x8847, labels + V4())), false);
  ExpectPacket(DecodeFrame(Ethernet(0x8848, Be32(0x00020140) + V6())), true);
  ExpectDiscarded(DecodeFrame(Ethernet(0x8847, labels + Buffer(20, 0))), Discard::kNotIp);
}

TEST(LinkLayerTest, PppoeSessionsAreOpened) {
  const auto session = [](const Buffer& ppp) {
    return Ethernet(0x8864, Buffer{0x11, 0} + Be16(1) + Be16(ppp.size()) + ppp);
  };
  ExpectPacket(DecodeFrame(session(Be16(0x0021) + V4())), false);
  ExpectPacket(DecodeFrame(session(Be16(0x0057) + V6())), true);
  ExpectPacket(DecodeFrame(session(Buffer{0x21} + V4())), false);
  ExpectDiscarded(DecodeFrame(session(Be16(0xc021) + Buffer(20, 0))), Discard::kNotIp);
}

TEST(LinkLayerTest, LinuxCookedCarriesBothFamilies) {
  ExpectPacket(DecodeFrame(Buffer(14, 0) + Be16(0x0800) + V4(), LinkType::kLinuxCooked), false);
  ExpectPacket(DecodeFrame(Buffer(14, 0) + Be16(0x8100) + Be16(9) + Be16(0x86dd) + V6(),
                           LinkType::kLinuxCooked),
               true);
  ExpectPacket(DecodeFrame(Be16(0x0800) + Buffer(18, 0) + V4(), LinkType::kLinuxCooked2), false);
  ExpectDiscarded(DecodeFrame(Be16(0x0806) + Buffer(46, 0), LinkType::kLinuxCooked2),
                  Discard::kNotIp);
}

TEST(LinkLayerTest, RawIpIsToldApartByItsVersion) {
  ExpectPacket(DecodeFrame(V4(), LinkType::kRawIp), false);
  ExpectPacket(DecodeFrame(V6(), LinkType::kRawIp), true);
  ExpectPacket(DecodeFrame(V4(), LinkType::kRawIpv4), false);
  ExpectPacket(DecodeFrame(V6(), LinkType::kRawIpv6), true);
  ExpectDiscarded(DecodeFrame(V4(), LinkType::kRawIpv6), Discard::kIpVersion);
  ExpectDiscarded(DecodeFrame(Buffer(40, 0x50), LinkType::kRawIp), Discard::kIpVersion);
  ExpectDiscarded(DecodeFrame({}, LinkType::kRawIp), Discard::kIpHeader);
}

TEST(LinkLayerTest, LoopbackFamiliesOfAllSystemsAreKnown) {
  for (const uint8_t family : {10, 24, 28, 30}) {
    ExpectPacket(DecodeFrame(Buffer{family, 0, 0, 0} + V6(), LinkType::kNull), true);
    ExpectPacket(DecodeFrame(Buffer{0, 0, 0, family} + V6(), LinkType::kLoop), true);
  }
  ExpectPacket(DecodeFrame(Buffer{2, 0, 0, 0} + V4(), LinkType::kNull), false);
  ExpectPacket(DecodeFrame(Buffer{0, 0, 0, 2} + V4(), LinkType::kNull), false);
  ExpectDiscarded(DecodeFrame(Buffer{7, 0, 0, 0} + V4(), LinkType::kNull), Discard::kNotIp);
}

Buffer Native16(uint16_t value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  return {bytes[0], bytes[1]};
}

TEST(LinkLayerTest, NflogPayloadIsFoundBehindOtherAttributes) {
  // A prefix of 5 bytes, padded to 12, before the payload.
  const Buffer prefix = Native16(9) + Native16(10) + Buffer(5, 'x') + Buffer(3, 0);
  const auto payload = [](const Buffer& packet) {
    return Native16(static_cast<uint16_t>(packet.size() + 4)) + Native16(9) + packet;
  };
  ExpectPacket(DecodeFrame(Buffer{2, 0, 0, 0} + prefix + payload(V4()), LinkType::kNflog), false);
  ExpectPacket(DecodeFrame(Buffer{10, 0, 0, 0} + payload(V6()), LinkType::kNflog), true);
  ExpectDiscarded(DecodeFrame(Buffer{2, 0, 0, 0} + prefix, LinkType::kNflog), Discard::kNotIp);
  const Buffer endless = Native16(0) + Native16(10);
  ExpectDiscarded(DecodeFrame(Buffer{2, 0, 0, 0} + endless, LinkType::kNflog),
                  Discard::kLinkHeader);
}

TEST(LinkLayerTest, EveryCutIsToldFromAShortFrame) {
  const struct {
    LinkType type;
    Buffer head;
  } heads[] = {
      {LinkType::kEthernet, Ethernet(0x8100, Be16(1) + Be16(0x8847) + Be32(0x100))},
      {LinkType::kEthernet, Ethernet(0x8864, Buffer{0x11, 0, 0, 1, 0, 9, 0, 0x21})},
      {LinkType::kLinuxCooked, Buffer(14, 0) + Be16(0x0800)},
      {LinkType::kLinuxCooked2, Be16(0x0800) + Buffer(18, 0)},
      {LinkType::kNull, {2, 0, 0, 0}},
  };
  for (const auto& head : heads) {
    for (size_t length = 0; length < head.head.size(); ++length) {
      SCOPED_TRACE(::testing::Message() << static_cast<int>(head.type) << " at " << length);
      const Buffer cut(head.head.begin(), head.head.begin() + static_cast<ptrdiff_t>(length));
      ExpectDiscarded(DecodeFrame(cut, head.type), Discard::kLinkHeader);
      ExpectDiscarded(DecodeFrame(cut, head.type, 1'000), Discard::kCaptureTruncated);
    }
  }
}

}  // namespace
}  // namespace conntrack::sensor
