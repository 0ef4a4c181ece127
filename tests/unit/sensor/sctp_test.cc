#include "client/sensor/sctp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Be32;
using testing::Buffer;
using ::testing::ElementsAre;
using ::testing::Pair;
using testing::SctpChunk;
using testing::SctpInit;
using testing::SctpPacket;
using testing::operator+;

constexpr uint8_t kData = 0;
constexpr uint8_t kSack = 3;

// What became of the first `captured` bytes of an SCTP packet.
struct Parsed {
  Discard discard;
  Packet packet;
};

Parsed Parse(const Buffer& bytes, size_t captured, Checksums checksums = Checksums::kVerify) {
  Parsed parsed{};
  parsed.packet.protocol = kSctp;
  parsed.discard = ParseSctp(FirstBytes(bytes, captured), static_cast<uint32_t>(bytes.size()),
                             checksums, parsed.packet);
  return parsed;
}

Packet Parse(const Buffer& bytes) {
  const Parsed parsed = Parse(bytes, bytes.size());
  EXPECT_EQ(parsed.discard, Discard::kNone) << DiscardName(parsed.discard);
  return parsed.packet;
}

// Type and flags of each chunk. The packet's bytes must still be there.
std::vector<std::pair<int, int>> ChunksOf(const Packet& packet) {
  std::vector<std::pair<int, int>> chunks;
  SctpChunks walk(packet.sctp_chunks);
  for (size_t i = 0; i < packet.sctp_chunk_count && walk.Next(); ++i) {
    chunks.emplace_back(walk.type(), walk.flags());
  }
  EXPECT_EQ(chunks.size(), packet.sctp_chunk_count);
  return chunks;
}

Buffer Cut(Buffer bytes, size_t length) {
  bytes.resize(length);
  return bytes;
}

void ExpectMalformed(const Buffer& bytes) {
  const Packet packet = Parse(bytes);
  EXPECT_EQ(packet.malformed, Malformed::kSctpChunks) << bytes.size();
  EXPECT_EQ(packet.flags, kMalformed);
  EXPECT_EQ(packet.ports, 5'000u << 16 | 6'000u);
  EXPECT_EQ(packet.sctp_chunk_count, 0);
}

TEST(SctpTest, PortsAndVerificationTagAreRead) {
  const Buffer bytes = SctpPacket(0xcafebabe, SctpChunk(kData, 3, Buffer(13, 1)));
  const Packet packet = Parse(bytes);
  EXPECT_EQ(packet.ports, 5'000u << 16 | 6'000u);
  EXPECT_EQ(packet.sequence, 0xcafebabeu);
  EXPECT_EQ(packet.acknowledgment, 0u);
  EXPECT_EQ(packet.flags, 0);
  EXPECT_THAT(ChunksOf(packet), ElementsAre(Pair(kData, 3)));
}

TEST(SctpTest, ShortHeaderIsTruncated) {
  for (const size_t length : {0u, 4u, 11u}) {
    EXPECT_EQ(Parse(Buffer(length, 1)).malformed, Malformed::kTransportTruncated) << length;
  }
}

TEST(SctpTest, ChunksAreListedInTheirOrder) {
  const Buffer chunks = SctpChunk(kSack, 0, Buffer(12, 1)) + SctpChunk(9, 1, Buffer(5, 2)) +
                        SctpChunk(kData, 7, Buffer(14, 3)) + SctpChunk(255, 0xff);
  EXPECT_THAT(ChunksOf(Parse(SctpPacket(1, chunks))),
              ElementsAre(Pair(kSack, 0), Pair(9, 1), Pair(kData, 7), Pair(255, 0xff)));
}

TEST(SctpTest, PacketWithoutAChunkIsMalformed) {
  for (const size_t length : {12u, 13u, 15u}) {
    ExpectMalformed(Cut(SctpPacket(1, SctpChunk(kData, 3)), length));
  }
}

TEST(SctpTest, ChunkOfLengthZeroIsMalformed) {
  ExpectMalformed(SctpPacket(1, SctpChunk(kData, 3, {}, 0)));
  ExpectMalformed(SctpPacket(1, SctpChunk(kSack, 0, Buffer(12, 1)) + SctpChunk(kData, 3, {}, 0)));
}

TEST(SctpTest, LengthBelowTheHeaderGoesOnBehindTheHeader) {
  const Buffer chunks = SctpChunk(kSack, 0, {}, 1) + SctpChunk(kData, 3, {}, 3) + SctpChunk(7, 0);
  EXPECT_THAT(ChunksOf(Parse(SctpPacket(1, chunks))),
              ElementsAre(Pair(kSack, 0), Pair(kData, 3), Pair(7, 0)));
}

TEST(SctpTest, ChunkThatEndsBeyondThePacketIsTheLast) {
  for (const uint16_t length : {9, 4'000, 65'533, 65'535}) {
    const Buffer chunks = SctpChunk(kData, 3, {}, length) + SctpChunk(kSack, 0, {}, 0);
    EXPECT_THAT(ChunksOf(Parse(SctpPacket(1, chunks))), ElementsAre(Pair(kData, 3))) << length;
  }
}

TEST(SctpTest, BytesTooFewForAHeaderAreNoChunk) {
  for (const size_t length : {1u, 2u, 3u}) {
    const Buffer bytes = SctpPacket(1, SctpChunk(kSack, 0) + Buffer(length, 0));
    const Packet packet = Parse(bytes);
    EXPECT_THAT(ChunksOf(packet), ElementsAre(Pair(kSack, 0))) << length;
    EXPECT_EQ(packet.flags, 0);
  }
}

TEST(SctpTest, InitiateTagIsRead) {
  for (const uint8_t type : {1, 2}) {
    const Buffer bytes = SctpPacket(9, SctpInit(type, 0x12345678));
    const Packet packet = Parse(bytes);
    EXPECT_EQ(packet.sequence, 9u);
    EXPECT_EQ(packet.acknowledgment, 0x12345678u);
    EXPECT_THAT(ChunksOf(packet), ElementsAre(Pair(type, 0)));
  }
}

TEST(SctpTest, InitWithoutItsFixedPartIsMalformed) {
  for (const uint8_t type : {1, 2}) {
    for (size_t length = 16; length < 32; ++length) {
      ExpectMalformed(Cut(SctpPacket(0, SctpInit(type, 5)), length));
    }
  }
}

TEST(SctpTest, EveryDamagedByteIsFound) {
  const Buffer packet = SctpPacket(1, SctpChunk(kData, 3, Buffer(13, 1)));
  for (size_t at = 0; at < packet.size(); ++at) {
    Buffer damaged = packet;
    damaged[at] ^= 0x10;
    EXPECT_EQ(Parse(damaged).flags, kChecksumBad) << at;
  }
}

TEST(SctpTest, ChecksumOfZeroWasLeftToTheCard) {
  Buffer packet = SctpPacket(1, SctpChunk(kData, 3, Buffer(13, 1)));
  std::fill(packet.begin() + 8, packet.begin() + 12, uint8_t{0});
  EXPECT_EQ(Parse(packet).flags, kChecksumUnknown);
}

TEST(SctpTest, IgnoredChecksumIsUnknown) {
  const Buffer packet = SctpPacket(1, SctpChunk(kData, 3));
  EXPECT_EQ(Parse(packet, packet.size(), Checksums::kIgnore).packet.flags, kChecksumUnknown);
}

TEST(SctpTest, ChunksInACutCaptureAreListed) {
  const Buffer packet =
      SctpPacket(1, SctpChunk(kSack, 0, Buffer(12, 1)) + SctpChunk(kData, 3, Buffer(1'000, 2)) +
                        SctpChunk(kData, 3, {}, 0));
  for (const size_t captured : {32u, 33u, 1'035u}) {
    const Parsed parsed = Parse(packet, captured);
    EXPECT_EQ(parsed.discard, Discard::kNone);
    EXPECT_EQ(parsed.packet.flags, kChecksumUnknown);
    EXPECT_THAT(ChunksOf(parsed.packet), ElementsAre(Pair(kSack, 0), Pair(kData, 3))) << captured;
  }
  EXPECT_THAT(ChunksOf(Parse(packet, 31).packet), ElementsAre(Pair(kSack, 0)));
}

TEST(SctpTest, CaptureCutBeforeWhatARowNeedsIsNoFaultOfThePacket) {
  const Buffer data = SctpPacket(1, SctpChunk(kData, 3, Buffer(100, 1)));
  EXPECT_EQ(Parse(data, 11).discard, Discard::kCaptureTruncated);
  EXPECT_EQ(Parse(data, 15).discard, Discard::kCaptureTruncated);
  EXPECT_EQ(Parse(data, 16).discard, Discard::kNone);
  const Buffer init = SctpPacket(0, SctpInit(1, 0x12345678));
  EXPECT_EQ(Parse(init, 19).discard, Discard::kCaptureTruncated);
  EXPECT_EQ(Parse(init, 20).discard, Discard::kNone);
  EXPECT_EQ(Parse(init, 20).packet.acknowledgment, 0x12345678u);
}

TEST(SctpTest, ChunksOfAJumbogramAreBounded) {
  Buffer chunks(4 * (kSctpChunksMax + 10));
  for (size_t at = 0; at < chunks.size(); at += 4) {
    chunks[at] = kSack;
    chunks[at + 3] = 4;
  }
  const Buffer packet = SctpPacket(1, chunks);
  EXPECT_EQ(ChunksOf(Parse(packet)).size(), kSctpChunksMax);
}

TEST(SctpTest, Ipv6PacketsAreReadAlike) {
  const Buffer packet =
      testing::Ipv6(testing::Ipv6Header(kSctp), SctpPacket(3, SctpChunk(kSack, 0, Buffer(12, 1))));
  const Buffer frame = testing::Ethernet(0x86dd, packet);
  const Packet decoded = testing::DecodeFrame(frame).packet;
  EXPECT_EQ(decoded.sequence, 3u);
  EXPECT_EQ(decoded.flags, 0);
  EXPECT_THAT(ChunksOf(decoded), ElementsAre(Pair(kSack, 0)));
}

}  // namespace
}  // namespace conntrack::sensor
