#include "client/sensor/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Be16;
using testing::Be32;
using testing::Buffer;
using testing::DecodeIpv4;
using testing::DecodeIpv6;
using testing::Ip;
using testing::Ipv4;
using testing::Ipv6;
using testing::Ipv6Header;
using testing::NaiveChecksum;
using testing::Tcp;
using testing::TcpSegment;
using testing::operator+;

TEST(ChecksumTest, SumsOfAnyLengthAgreeWithTheNaiveSum) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (size_t length = 0; length < 200; ++length) {
    Buffer bytes(length);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    // Both are in network order when seen as bytes.
    const uint16_t folded = static_cast<uint16_t>(~FoldSum(SumWords(bytes)));
    EXPECT_EQ(SwapFromNetwork16(folded), NaiveChecksum(bytes)) << length << " bytes";
  }
}

TEST(ChecksumTest, RightChecksumsSetNoFlag) {
  EXPECT_EQ(DecodeIpv4(Ipv4({}, TcpSegment({}, {}, {1, 2, 3}))).packet.flags, 0);
  const Ip ip = Ipv6Header(6);
  EXPECT_EQ(DecodeIpv6(Ipv6(ip, TcpSegment(ip, {}, {1, 2, 3}))).packet.flags, 0);
}

TEST(ChecksumTest, EveryDamagedByteOfASegmentIsFound) {
  const Buffer segment = TcpSegment({}, {}, {1, 2, 3, 4, 5});
  for (size_t at = 0; at < segment.size(); ++at) {
    if (at == 12) continue;  // The data offset: malformed before it is summed.
    Buffer damaged = segment;
    damaged[at] ^= 0x10;
    EXPECT_EQ(DecodeIpv4(Ipv4({}, damaged)).packet.flags & (kChecksumBad | kChecksumUnknown),
              kChecksumBad)
        << "byte " << at;
  }
}

TEST(ChecksumTest, SumOfThePseudoHeaderAloneWasLeftToTheCard) {
  for (const uint32_t length : {23u, 0u}) {
    Buffer segment = TcpSegment({}, {}, {1, 2, 3});
    const Buffer pseudo = testing::AddressBytes("192.0.2.1") + testing::AddressBytes("192.0.2.2") +
                          Be16(6) + Be16(length);
    const uint16_t sum = static_cast<uint16_t>(~NaiveChecksum(pseudo));
    segment[16] = static_cast<uint8_t>(sum >> 8);
    segment[17] = static_cast<uint8_t>(sum);
    EXPECT_EQ(DecodeIpv4(Ipv4({}, segment)).packet.flags, kChecksumUnknown) << length;
  }
}

TEST(ChecksumTest, SegmentCutByTheCaptureIsUnknown) {
  Buffer frame = testing::Ethernet(0x0800, Ipv4({}, TcpSegment({}, {}, {1, 2, 3, 4})));
  const auto length = static_cast<uint32_t>(frame.size());
  frame.pop_back();
  const Decoded decoded = testing::DecodeFrame(frame, LinkType::kEthernet, length);
  EXPECT_EQ(decoded.packet.flags, kChecksumUnknown);
  EXPECT_EQ(decoded.packet.total_length, 44u);
}

TEST(ChecksumTest, IgnoredChecksumsAreUnknownAndDiscardNothing) {
  Ip ip;
  ip.header_checksum = 0x1234;
  Buffer segment = TcpSegment({}, {});
  segment[16] ^= 1;
  const Buffer frame = testing::Ethernet(0x0800, Ipv4(ip, segment));
  Decoded decoded{};
  Decode(Frame{LinkType::kEthernet, 1, frame, static_cast<uint32_t>(frame.size())},
         Checksums::kIgnore, decoded);
  ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket);
  EXPECT_EQ(decoded.packet.flags, kChecksumUnknown);
}

TEST(ChecksumTest, UdpWithoutAChecksumIsGood) {
  Ip ip;
  ip.protocol = 17;
  Buffer datagram = testing::UdpDatagram(ip, 1, 2, {9, 9});
  datagram[6] = datagram[7] = 0;
  EXPECT_EQ(DecodeIpv4(Ipv4(ip, datagram)).packet.flags, 0);
  datagram[7] = 1;
  EXPECT_EQ(DecodeIpv4(Ipv4(ip, datagram)).packet.flags, kChecksumBad);
}

TEST(ChecksumTest, IcmpAndIcmpv6AreChecked) {
  Ip ip;
  ip.protocol = 1;
  Buffer echo = testing::IcmpMessage(8, 0, {0, 1, 0, 1, 5, 6, 7});
  EXPECT_EQ(DecodeIpv4(Ipv4(ip, echo)).packet.flags, 0);
  echo.back() ^= 1;
  EXPECT_EQ(DecodeIpv4(Ipv4(ip, echo)).packet.flags, kChecksumBad);

  const Ip ip6 = Ipv6Header(58);
  Buffer echo6 = testing::Icmpv6Message(ip6, 128, 0, {0, 1, 0, 1, 5, 6, 7});
  EXPECT_EQ(DecodeIpv6(Ipv6(ip6, echo6)).packet.flags, 0);
  echo6.back() ^= 1;
  EXPECT_EQ(DecodeIpv6(Ipv6(ip6, echo6)).packet.flags, kChecksumBad);
}

TEST(ChecksumTest, NoCardCompletesTheChecksumOfIcmpv6) {
  const Ip ip = Ipv6Header(58);
  Buffer echo = testing::Icmpv6Message(ip, 128, 0, {0, 1, 0, 1, 5, 6, 7});
  const Buffer pseudo = testing::AddressBytes(ip.source) + testing::AddressBytes(ip.destination) +
                        Be32(static_cast<uint32_t>(echo.size())) + Be32(58);
  const uint16_t sum = static_cast<uint16_t>(~NaiveChecksum(pseudo));
  echo[2] = static_cast<uint8_t>(sum >> 8);
  echo[3] = static_cast<uint8_t>(sum);
  EXPECT_EQ(DecodeIpv6(Ipv6(ip, echo)).packet.flags, kChecksumBad);
}

TEST(ChecksumTest, EthernetPaddingIsNotSummed) {
  const Buffer frame = testing::Ethernet(0x0800, Ipv4({}, TcpSegment({}, {}))) + Buffer(6, 0xee);
  const Decoded decoded = testing::DecodeFrame(frame);
  EXPECT_EQ(decoded.packet.flags, 0);
  EXPECT_EQ(decoded.packet.total_length, 40u);
}

}  // namespace
}  // namespace conntrack::sensor
