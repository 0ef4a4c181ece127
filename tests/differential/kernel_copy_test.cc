#include "tests/differential/kernel_copy.h"

#include <gtest/gtest.h>

#include "tests/unit/sensor/frames.h"

namespace conntrack {
namespace {

using sensor::Decoded;
using sensor::testing::Buffer;
using sensor::testing::DecodeFrame;
using sensor::testing::FragmentHeader;
using sensor::testing::Ip;
using sensor::testing::Ipv4;
using sensor::testing::Ipv6;
using sensor::testing::Ipv6Header;
using sensor::testing::TcpSegment;
using sensor::testing::operator+;

constexpr uint16_t kTag = 0x1234;

KernelCopy CopyOf(const Buffer& packet, uint32_t original_length = 0) {
  return CopyForKernel(DecodeFrame(packet, sensor::LinkType::kRawIp, original_length), packet,
                       kTag);
}

bool Completed(const KernelCopy& copy, Completion completion) {
  return copy.completed.test(static_cast<size_t>(completion));
}

// The decoder finds nothing open or wrong in it.
void ExpectWhole(const KernelCopy& copy) {
  const Decoded decoded = DecodeFrame(copy.packet.bytes, sensor::LinkType::kRawIp);
  ASSERT_EQ(decoded.kind, Decoded::Kind::kPacket) << sensor::DiscardName(decoded.discard);
  EXPECT_EQ(decoded.packet.flags & (sensor::kChecksumBad | sensor::kChecksumUnknown), 0);
}

TEST(KernelCopyTest, AWholePacketIsOnlyMarked) {
  const Ip ip;
  const Buffer packet = Ipv4(ip, TcpSegment(ip, {}, {1, 2, 3}));
  const KernelCopy copy = CopyOf(packet + Buffer(6, 0));  // With padding of the frame.
  EXPECT_TRUE(copy.completed.none());
  ASSERT_EQ(copy.packet.bytes.size(), packet.size());
  EXPECT_EQ(sensor::Load16(copy.packet.bytes, 4), kTag);
  EXPECT_EQ(copy.packet.tag, kTag);
  ExpectWhole(copy);
  EXPECT_TRUE(std::equal(packet.begin() + 12, packet.end(), copy.packet.bytes.begin() + 12));
}

TEST(KernelCopyTest, Ipv6IsMarkedInTheFlowLabel) {
  const Ip ip = Ipv6Header(6);
  const KernelCopy copy = CopyOf(Ipv6(ip, TcpSegment(ip, {})));
  EXPECT_EQ(sensor::Load16(copy.packet.bytes, 2), kTag);
  EXPECT_EQ(copy.packet.family, Family::kIpv6);
  ExpectWhole(copy);
}

TEST(KernelCopyTest, WhatTheCaptureCutIsZeros) {
  for (const bool ipv6 : {false, true}) {
    const Ip ip = ipv6 ? Ipv6Header(6) : Ip();
    const Buffer segment = TcpSegment(ip, {}, Buffer(100, 7));
    const Buffer packet = ipv6 ? Ipv6(ip, segment) : Ipv4(ip, segment);
    const Buffer cut(packet.begin(), packet.end() - 50);
    const KernelCopy copy = CopyOf(cut, static_cast<uint32_t>(packet.size()));
    EXPECT_TRUE(Completed(copy, Completion::kPayload));
    EXPECT_TRUE(Completed(copy, Completion::kTransportChecksum));
    ASSERT_EQ(copy.packet.bytes.size(), packet.size());
    EXPECT_EQ(copy.packet.bytes.back(), 0);
    ExpectWhole(copy);
  }
}

TEST(KernelCopyTest, WhatWasLeftToTheNetworkCardIsCompleted) {
  Ip ip;
  ip.header_checksum = 0;
  KernelCopy copy = CopyOf(Ipv4(ip, TcpSegment(ip, {})));
  EXPECT_TRUE(Completed(copy, Completion::kHeaderChecksum));
  ExpectWhole(copy);

  Ip no_length;
  no_length.total_length = 0;
  copy = CopyOf(Ipv4(no_length, TcpSegment(no_length, {})));
  EXPECT_TRUE(Completed(copy, Completion::kTotalLength));
  EXPECT_EQ(sensor::Load16(copy.packet.bytes, 2), copy.packet.bytes.size());
  ExpectWhole(copy);
}

TEST(KernelCopyTest, AWrongTransportChecksumStaysWrong) {
  const Ip ip;
  Buffer packet = Ipv4(ip, TcpSegment(ip, {}, {1, 2, 3}));
  packet.back() ^= 1;
  const KernelCopy copy = CopyOf(packet);
  EXPECT_TRUE(copy.completed.none());
  const Decoded decoded = DecodeFrame(copy.packet.bytes, sensor::LinkType::kRawIp);
  EXPECT_NE(decoded.packet.flags & sensor::kChecksumBad, 0);
}

TEST(KernelCopyTest, FragmentsCarryTheNumberOfTheirDatagram) {
  Ip ip;
  ip.id = 77;
  ip.fragmentation = 1;
  const Buffer packet = Ipv4(ip, Buffer(16, 1));
  KernelCopy copy = CopyOf(packet);
  EXPECT_EQ(copy.packet.tag, 77);
  EXPECT_EQ(copy.packet.bytes, packet);

  const Buffer segment = TcpSegment(Ipv6Header(6), {});
  const Buffer single = Ipv6(Ipv6Header(44), FragmentHeader(6, 0, false, 0x10099) + segment);
  copy = CopyOf(single);
  EXPECT_EQ(copy.packet.tag, 0x99);
  EXPECT_EQ(sensor::Load16(copy.packet.bytes, 2), 0x99);
  EXPECT_EQ(copy.packet.bytes.size(), single.size());
}

}  // namespace
}  // namespace conntrack
