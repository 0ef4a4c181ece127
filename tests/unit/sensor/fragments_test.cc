#include "client/sensor/fragments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Buffer;
using testing::Ip;
using testing::Ipv6Header;
using testing::operator+;
using Outcome = Reassembler::Outcome;

constexpr uint64_t kStartNs = 1'700'000'000'000'000'000;

class ReassemblerTest : public ::testing::Test {
 protected:
  // Adds bytes [begin, end) of `datagram` as an IPv4 fragment, the last one when
  // it reaches the end, `after_ns` after the start.
  Outcome Add(const Buffer& datagram, size_t begin, size_t end, uint64_t after_ns = 0,
              uint32_t id = 7) {
    Ip ip;
    ip.protocol = 17;
    ip.id = id;
    ip.fragmentation = static_cast<uint16_t>(begin / 8 | (end < datagram.size() ? 0x2000u : 0u));
    const Buffer bytes(datagram.begin() + static_cast<ptrdiff_t>(begin),
                       datagram.begin() + static_cast<ptrdiff_t>(end));
    return AddFrame(testing::Ethernet(0x0800, testing::Ipv4(ip, bytes)), after_ns);
  }

  Outcome AddFrame(const Buffer& frame, uint64_t after_ns = 0, uint32_t original_length = 0) {
    Decoded decoded = testing::DecodeFrame(frame, LinkType::kEthernet, original_length);
    EXPECT_EQ(decoded.kind, Decoded::Kind::kFragment) << DiscardName(decoded.discard);
    decoded.packet.time_unix_ns = kStartNs + after_ns;
    ++added_;
    const Outcome outcome = reassembler_.Add(decoded.fragment, decoded.packet);
    if (outcome == Outcome::kComplete) {
      completed_ += reassembler_.payload_fragments();
      packet_ = decoded.packet;
      discard_ = DecodeReassembled(reassembler_.payload(), reassembler_.payload_length(),
                                   Checksums::kVerify, packet_);
    }
    return outcome;
  }

  uint64_t Drops(Discard reason) const { return reassembler_.drops()[static_cast<size_t>(reason)]; }

  void ExpectBooksBalance() const {
    const auto& drops = reassembler_.drops();
    EXPECT_EQ(added_, completed_ + reassembler_.held_fragments() +
                          std::accumulate(drops.begin(), drops.end(), uint64_t{0}));
  }

  void TearDown() override {
    ExpectBooksBalance();
    reassembler_.ExpireAll();
    ExpectBooksBalance();
    EXPECT_EQ(reassembler_.held_fragments(), 0u);
    EXPECT_EQ(reassembler_.held_bytes(), 0u);
    EXPECT_EQ(reassembler_.held_datagrams(), 0u);
  }

  static Buffer Datagram(size_t payload_bytes) {
    Ip ip;
    ip.protocol = 17;
    return testing::UdpDatagram(ip, 5'000, 53, Buffer(payload_bytes, 0x5a));
  }

  Reassembler reassembler_{
      ReassemblyLimits{.datagrams_max = 8, .fragments_per_datagram_max = 16, .bytes_max = 16'384}};
  Packet packet_{};
  Discard discard_ = Discard::kNone;
  uint64_t added_ = 0;
  uint64_t completed_ = 0;
};

TEST_F(ReassemblerTest, TwoFragmentsAreOnePacket) {
  const Buffer datagram = Datagram(1'000);
  EXPECT_EQ(Add(datagram, 0, 800), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 800, 1'008, 5), Outcome::kComplete);
  EXPECT_EQ(discard_, Discard::kNone);
  EXPECT_EQ(packet_.total_length, 1'028u);
  EXPECT_EQ(packet_.ports, 5'000u << 16 | 53u);
  EXPECT_EQ(packet_.flags, kReassembled);  // The checksum of the whole is right.
  EXPECT_EQ(packet_.time_unix_ns, kStartNs + 5);
}

TEST_F(ReassemblerTest, AnyOrderGivesTheSamePacket) {
  const Buffer datagram = Datagram(392);
  std::vector<size_t> order = {0, 80, 160, 240, 320};
  do {
    size_t left = order.size();
    for (const size_t begin : order) {
      const Outcome outcome = Add(datagram, begin, std::min<size_t>(begin + 80, 400));
      EXPECT_EQ(outcome, --left == 0 ? Outcome::kComplete : Outcome::kHeld);
    }
    EXPECT_EQ(packet_.total_length, 420u);
    EXPECT_EQ(packet_.flags, kReassembled);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(ReassemblerTest, DatagramsDoNotMix) {
  const Buffer datagram = Datagram(100);
  EXPECT_EQ(Add(datagram, 0, 56, 0, 1), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 56, 108, 0, 2), Outcome::kHeld);
  EXPECT_EQ(reassembler_.held_datagrams(), 2u);
  EXPECT_EQ(Add(datagram, 56, 108, 0, 1), Outcome::kComplete);
}

TEST_F(ReassemblerTest, OverlapCondemnsTheDatagram) {
  const Buffer datagram = Datagram(392);
  EXPECT_EQ(Add(datagram, 0, 80), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 160, 240), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 72, 160), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 3u);
  EXPECT_EQ(reassembler_.held_datagrams(), 0u);
}

TEST_F(ReassemblerTest, OverlapWithTheNextFragmentCondemnsTheDatagram) {
  const Buffer datagram = Datagram(392);
  EXPECT_EQ(Add(datagram, 160, 240), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 80, 168), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 2u);
}

TEST_F(ReassemblerTest, BytesBehindTheEndCondemnTheDatagram) {
  const Buffer datagram = Datagram(392);
  EXPECT_EQ(Add(Buffer(200, 1), 160, 200), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 240, 320), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 2u);
}

TEST_F(ReassemblerTest, SecondEndCondemnsTheDatagram) {
  EXPECT_EQ(Add(Buffer(240, 1), 200, 240), Outcome::kHeld);
  EXPECT_EQ(Add(Buffer(80, 1), 40, 80), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 2u);
}

TEST_F(ReassemblerTest, RepeatedFragmentIsDroppedAlone) {
  const Buffer datagram = Datagram(152);
  EXPECT_EQ(Add(datagram, 0, 80), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 0, 80), Outcome::kDropped);
  EXPECT_EQ(Add(datagram, 8, 40), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentDuplicate), 2u);
  EXPECT_EQ(Add(datagram, 80, 160), Outcome::kComplete);
}

TEST_F(ReassemblerTest, Ipv4TimesOutAfter30Seconds) {
  const Buffer datagram = Datagram(100);
  EXPECT_EQ(Add(datagram, 0, 56), Outcome::kHeld);
  reassembler_.Expire(kStartNs + 29'999'999'999);
  EXPECT_EQ(reassembler_.held_fragments(), 1u);
  EXPECT_EQ(Add(datagram, 56, 108, 30'000'000'000), Outcome::kHeld);
  EXPECT_EQ(Drops(Discard::kFragmentTimeout), 1u);
}

Buffer Ipv6Fragment(const Buffer& datagram, size_t begin, size_t end, uint32_t id) {
  const Buffer bytes(datagram.begin() + static_cast<ptrdiff_t>(begin),
                     datagram.begin() + static_cast<ptrdiff_t>(end));
  return testing::Ethernet(
      0x86dd,
      testing::Ipv6(Ipv6Header(44), testing::FragmentHeader(17, static_cast<uint16_t>(begin),
                                                            end < datagram.size(), id) +
                                        bytes));
}

TEST_F(ReassemblerTest, Ipv6LosesItsFragmentHeader) {
  const Buffer datagram = testing::UdpDatagram(Ipv6Header(17), 5'000, 53, Buffer(200, 1));
  EXPECT_EQ(AddFrame(Ipv6Fragment(datagram, 104, 208, 9)), Outcome::kHeld);
  EXPECT_EQ(AddFrame(Ipv6Fragment(datagram, 0, 104, 9)), Outcome::kComplete);
  EXPECT_EQ(packet_.total_length, 40u + 208u);
  EXPECT_EQ(packet_.network_header_length, 40u);
  EXPECT_EQ(packet_.protocol, 17);
  EXPECT_EQ(packet_.ports, 5'000u << 16 | 53u);
  EXPECT_EQ(packet_.flags, kReassembled);
}

TEST_F(ReassemblerTest, Ipv6TimesOutAfter60Seconds) {
  const Buffer datagram = testing::UdpDatagram(Ipv6Header(17), 5'000, 53, Buffer(200, 1));
  EXPECT_EQ(AddFrame(Ipv6Fragment(datagram, 0, 104, 9)), Outcome::kHeld);
  reassembler_.Expire(kStartNs + 59'999'999'999);
  EXPECT_EQ(reassembler_.held_fragments(), 1u);
  reassembler_.Expire(kStartNs + 60'000'000'000);
  EXPECT_EQ(Drops(Discard::kFragmentTimeout), 1u);
}

TEST_F(ReassemblerTest, ExtensionHeadersInsideTheDatagramAreFollowed) {
  const Buffer datagram = testing::ExtensionHeader(17) +
                          testing::UdpDatagram(Ipv6Header(17), 5'000, 53, Buffer(200, 1));
  const auto frame = [&](size_t begin, size_t end) {
    Buffer bytes = Ipv6Fragment(datagram, begin, end, 9);
    bytes[14 + 40] = 60;
    return bytes;
  };
  EXPECT_EQ(AddFrame(frame(0, 104)), Outcome::kHeld);
  EXPECT_EQ(AddFrame(frame(104, 216)), Outcome::kComplete);
  EXPECT_EQ(packet_.network_header_length, 48u);
  EXPECT_EQ(packet_.ports, 5'000u << 16 | 53u);
}

TEST_F(ReassemblerTest, LaterFragmentInsideADatagramIsMalformed) {
  const Buffer udp = testing::UdpDatagram(Ipv6Header(17), 5'000, 53, Buffer(184, 1));
  const auto add = [&](const Buffer& datagram, uint32_t id) {
    const auto frame = [&](size_t begin, size_t end) {
      Buffer bytes = Ipv6Fragment(datagram, begin, end, id);
      bytes[14 + 40] = 44;
      return bytes;
    };
    EXPECT_EQ(AddFrame(frame(0, 104)), Outcome::kHeld);
    EXPECT_EQ(AddFrame(frame(104, 200)), Outcome::kComplete);
  };
  add(testing::FragmentHeader(17, 8, true, 3) + udp, 9);
  EXPECT_EQ(packet_.malformed, Malformed::kFragment);
  // A first one is read as it is.
  add(testing::FragmentHeader(17, 0, true, 3) + udp, 10);
  EXPECT_EQ(packet_.malformed, Malformed::kNone);
  EXPECT_EQ(packet_.ports, 5'000u << 16 | 53u);
}

TEST_F(ReassemblerTest, CaptureThatCutsFragmentsKeepsTheirLengths) {
  const Buffer datagram = Datagram(1'000);
  Ip ip;
  ip.protocol = 17;
  ip.fragmentation = 0x2000;
  const Buffer first(datagram.begin(), datagram.begin() + 800);
  Buffer frame = testing::Ethernet(0x0800, testing::Ipv4(ip, first));
  const auto length = static_cast<uint32_t>(frame.size());
  frame.resize(14 + 20 + 30);
  EXPECT_EQ(AddFrame(frame, 0, length), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 800, 1'008), Outcome::kComplete);
  EXPECT_EQ(discard_, Discard::kNone);
  EXPECT_EQ(packet_.total_length, 1'028u);
  EXPECT_EQ(packet_.ports, 5'000u << 16 | 53u);
  EXPECT_EQ(packet_.flags, kReassembled | kChecksumUnknown);
}

TEST_F(ReassemblerTest, Ipv4FragmentIsCutToWholeUnits) {
  const Buffer datagram = Datagram(92);
  EXPECT_EQ(Add(datagram, 0, 50), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 48, 100), Outcome::kComplete);
  EXPECT_EQ(packet_.total_length, 120u);
  EXPECT_EQ(packet_.flags, kReassembled);
  EXPECT_EQ(Add(datagram, 0, 7), Outcome::kDropped);  // No whole unit.
  EXPECT_EQ(Drops(Discard::kFragmentMisaligned), 1u);
}

TEST_F(ReassemblerTest, EmptyFragmentEndsItsIpv4Datagram) {
  const Buffer datagram = Datagram(92);
  EXPECT_EQ(Add(datagram, 0, 48), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 48, 48), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentMisaligned), 2u);
  EXPECT_EQ(Add(datagram, 48, 100), Outcome::kHeld);
}

TEST_F(ReassemblerTest, EmptyFragmentOfIpv6IsRefusedAlone) {
  const Buffer datagram = testing::UdpDatagram(Ipv6Header(17), 5'000, 53, Buffer(92, 1));
  EXPECT_EQ(AddFrame(Ipv6Fragment(datagram, 0, 48, 9)), Outcome::kHeld);
  EXPECT_EQ(AddFrame(Ipv6Fragment(datagram, 48, 48, 9)), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentMisaligned), 1u);
  EXPECT_EQ(AddFrame(Ipv6Fragment(datagram, 48, 100, 9)), Outcome::kComplete);
}

TEST_F(ReassemblerTest, ASecondEndRefusesTheIpv6FragmentAndTheIpv4Datagram) {
  const Buffer datagram = Datagram(92);
  EXPECT_EQ(Add(datagram, 48, 100), Outcome::kHeld);
  EXPECT_EQ(Add(Buffer(40, 1), 32, 40), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 2u);
  const Buffer other = testing::UdpDatagram(Ipv6Header(17), 5'000, 53, Buffer(92, 1));
  EXPECT_EQ(AddFrame(Ipv6Fragment(other, 48, 100, 9)), Outcome::kHeld);
  EXPECT_EQ(AddFrame(Ipv6Fragment(Buffer(40, 1), 32, 40, 9)), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 3u);
  EXPECT_EQ(AddFrame(Ipv6Fragment(other, 0, 48, 9)), Outcome::kComplete);
}

TEST_F(ReassemblerTest, WhatLiesInARunOfOrderedFragmentsIsADuplicate) {
  const Buffer datagram = Datagram(92);
  EXPECT_EQ(Add(datagram, 0, 24), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 24, 48), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 16, 40), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentDuplicate), 1u);
  EXPECT_EQ(Add(datagram, 48, 100), Outcome::kComplete);
}

TEST_F(ReassemblerTest, WhatLiesInFragmentsOutOfOrderIsAnOverlap) {
  const Buffer datagram = Datagram(92);
  EXPECT_EQ(Add(datagram, 24, 48), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 0, 24), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 16, 40), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 3u);
}

TEST_F(ReassemblerTest, ADuplicateThatSaysItIsTheLastCounts) {
  const Buffer datagram = Datagram(92);
  EXPECT_EQ(Add(datagram, 0, 24), Outcome::kHeld);
  EXPECT_EQ(Add(Buffer(24, 1), 16, 24), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentDuplicate), 1u);
  // Its end is 24, so nothing lies behind.
  EXPECT_EQ(Add(datagram, 24, 100), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentOverlap), 2u);
}

TEST_F(ReassemblerTest, DatagramBeyond65535BytesIsRefused) {
  EXPECT_EQ(Add(Buffer(65'520, 1), 65'512, 65'520), Outcome::kDropped);
  EXPECT_EQ(Drops(Discard::kFragmentTooLong), 1u);
  EXPECT_EQ(Add(Buffer(65'515, 1), 65'512, 65'515), Outcome::kHeld);
}

TEST_F(ReassemblerTest, EveryLimitHolds) {
  const Buffer datagram(8'000, 1);
  for (uint32_t id = 0; id < 8; ++id) EXPECT_EQ(Add(datagram, 0, 8, 0, id), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 0, 8, 0, 8), Outcome::kDropped);  // The ninth datagram.
  EXPECT_EQ(Drops(Discard::kFragmentMemory), 1u);
  reassembler_.ExpireAll();

  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(Add(datagram, i * 16, i * 16 + 8), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 256, 264), Outcome::kDropped);  // The 17th fragment.
  EXPECT_EQ(Drops(Discard::kFragmentMemory), 1u + 17u);

  for (uint32_t id = 0; id < 2; ++id) EXPECT_EQ(Add(datagram, 0, 7'992, 0, id), Outcome::kHeld);
  EXPECT_EQ(Add(datagram, 0, 7'992, 0, 3), Outcome::kDropped);  // The byte limit.
  EXPECT_LE(reassembler_.held_bytes(), 16'384u);
}

// The model: a datagram is complete when each of its bytes has come once, and
// gone at the first overlap.
TEST_F(ReassemblerTest, RandomCutsAgreeWithAByteMap) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Buffer datagram = Datagram(120);  // 16 units of 8 bytes.
  std::vector<bool> have(16);
  for (int i = 0; i < 20'000; ++i) {
    const size_t begin = random() % 16;
    const size_t end = std::min<size_t>(16, begin + 1 + random() % 4);
    const auto covered = std::count(have.begin() + static_cast<ptrdiff_t>(begin),
                                    have.begin() + static_cast<ptrdiff_t>(end), true);
    const Outcome outcome = Add(datagram, begin * 8, end * 8);
    if (covered == 0) {
      std::fill(have.begin() + static_cast<ptrdiff_t>(begin),
                have.begin() + static_cast<ptrdiff_t>(end), true);
      const bool whole = std::find(have.begin(), have.end(), false) == have.end();
      ASSERT_EQ(outcome, whole ? Outcome::kComplete : Outcome::kHeld);
      if (whole) have.assign(16, false);
    } else {
      ASSERT_EQ(outcome, Outcome::kDropped);
      if (reassembler_.held_datagrams() == 0) have.assign(16, false);
      // Bytes that are partly new always condemn.
      if (covered < static_cast<ptrdiff_t>(end - begin)) {
        ASSERT_EQ(reassembler_.held_datagrams(), 0u);
      }
    }
  }
}

}  // namespace
}  // namespace conntrack::sensor
