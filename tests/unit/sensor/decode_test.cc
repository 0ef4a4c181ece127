#include "client/sensor/decode.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Buffer;
using testing::Ethernet;
using testing::Ipv4;
using testing::TcpSegment;
using testing::operator+;

TEST(DecodeTest, TimesBeyondTheWireAreDiscarded) {
  const Buffer bytes = Ethernet(0x0800, Ipv4({}, TcpSegment({}, {})));
  Decoded decoded{};
  Decode(Frame{LinkType::kEthernet, kTimeMaxUnixNs, bytes, 54}, Checksums::kVerify, decoded);
  EXPECT_EQ(decoded.kind, Decoded::Kind::kPacket);
  Decode(Frame{LinkType::kEthernet, kTimeMaxUnixNs + 1, bytes, 54}, Checksums::kVerify, decoded);
  ASSERT_EQ(decoded.kind, Decoded::Kind::kDiscarded);
  EXPECT_EQ(decoded.discard, Discard::kTimestamp);
}

TEST(DecodeTest, NothingIsLeftOfThePacketBefore) {
  Decoded decoded{};
  testing::Tcp tcp;
  tcp.options = {4, 2, 1, 1, 3, 3, 7, 1};
  const Buffer first = Ethernet(0x0800, Ipv4({}, TcpSegment({}, tcp)));
  Decode(Frame{LinkType::kEthernet, 1, first, static_cast<uint32_t>(first.size())},
         Checksums::kVerify, decoded);
  ASSERT_NE(decoded.packet.tcp_options, 0u);
  testing::Ip ip;
  ip.protocol = 50;
  const Buffer second = Ethernet(0x0800, Ipv4(ip, Buffer(8, 1)));
  Decode(Frame{LinkType::kEthernet, 2, second, static_cast<uint32_t>(second.size())},
         Checksums::kVerify, decoded);
  ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket);
  EXPECT_EQ(decoded.packet.tcp_options, 0u);
  EXPECT_EQ(decoded.packet.sequence, 0u);
  EXPECT_EQ(decoded.packet.tcp_flags, 0);
  EXPECT_EQ(decoded.packet.flags, 0);
}

TEST(DecodeTest, CaptureThatClaimsFewerBytesThanItHoldsIsTakenByWhatItHolds) {
  const Buffer bytes = Ethernet(0x0800, Ipv4({}, TcpSegment({}, {})));
  Decoded decoded{};
  Decode(Frame{LinkType::kEthernet, 1, bytes, 10}, Checksums::kVerify, decoded);
  EXPECT_EQ(decoded.kind, Decoded::Kind::kPacket);
}

TEST(DecodeTest, EveryPrefixOfAFrameIsDiscardedOrDecodedToTheSame) {
  testing::Tcp tcp;
  tcp.options = {4, 2, 1, 1};
  const Buffer bytes = Ethernet(0x0800, Ipv4({}, TcpSegment({}, tcp, Buffer(20, 3))));
  const auto length = static_cast<uint32_t>(bytes.size());
  for (size_t kept = 0; kept < bytes.size(); ++kept) {
    const Buffer prefix(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(kept));
    const Decoded decoded = testing::DecodeFrame(prefix, LinkType::kEthernet, length);
    if (kept < 14 + 20 + 20) {
      ASSERT_EQ(decoded.kind, Decoded::Kind::kDiscarded) << kept;
      EXPECT_EQ(decoded.discard, Discard::kCaptureTruncated) << kept;
    } else {
      ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket) << kept;
      EXPECT_EQ(decoded.packet.total_length, 64u) << kept;
      EXPECT_EQ(decoded.packet.flags, kHasTcpOptions | kChecksumUnknown) << kept;
    }
  }
}

// The batch rules that a packet must keep whatever the bytes were.
void ExpectSendable(const Packet& packet) {
  if (packet.malformed == Malformed::kNone) {
    EXPECT_LE(packet.network_header_length + packet.tcp_header_words * 4u, packet.total_length);
  }
  EXPECT_EQ((packet.flags & kMalformed) != 0, packet.malformed != Malformed::kNone);
  EXPECT_EQ(packet.flags & ~(kChecksumBad | kChecksumUnknown | kReassembled | kHasTcpOptions |
                             kMalformed | kHopLimit255),
            0);
}

TEST(DecodeTest, RandomlyDamagedFramesGiveSendablePacketsOrReasons) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  testing::Tcp tcp;
  tcp.options = {4, 2, 1, 1, 3, 3, 7, 1};
  const testing::Ip ip6 = testing::Ipv6Header(6);
  const Buffer frames[] = {
      Ethernet(0x0800, Ipv4({}, TcpSegment({}, tcp, Buffer(20, 3)))),
      Ethernet(0x86dd, testing::Ipv6(testing::Ipv6Header(0),
                                     testing::ExtensionHeader(6) + TcpSegment(ip6, tcp)))};
  for (int i = 0; i < 20'000; ++i) {
    Buffer bytes = frames[random() % 2];
    for (int damage = 0; damage < 3; ++damage) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    const Decoded decoded = testing::DecodeFrame(bytes);
    if (decoded.kind == Decoded::Kind::kPacket) ExpectSendable(decoded.packet);
    if (decoded.kind == Decoded::Kind::kDiscarded) {
      EXPECT_NE(decoded.discard, Discard::kNone);
    }
  }
}

}  // namespace
}  // namespace conntrack::sensor
