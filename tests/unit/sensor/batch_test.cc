#include "client/sensor/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Buffer;
using ::testing::ElementsAre;
using testing::MakeAddress;
using testing::operator+;

constexpr uint64_t kStartNs = 1'700'000'000'000'000'000;

Packet MakePacket(bool ipv6 = false, uint64_t after_ns = 0) {
  Packet packet{};
  packet.time_unix_ns = kStartNs + after_ns;
  packet.ipv6 = ipv6;
  packet.protocol = 6;
  packet.tcp_flags = 0x12;
  packet.tcp_header_words = 5;
  packet.window = 0xfedc;
  packet.total_length = ipv6 ? 60 : 40;
  packet.network_header_length = ipv6 ? 40 : 20;
  packet.ports = 0x12345678;
  packet.sequence = 0xaaaaaaaa;
  packet.acknowledgment = 0xbbbbbbbb;
  packet.source = MakeAddress(ipv6 ? "2001:db8::1" : "192.0.2.1");
  packet.destination = MakeAddress(ipv6 ? "2001:db8::2" : "192.0.2.2");
  return packet;
}

v1::PacketBatch BatchOf(const Packet& packet) {
  BatchBuilder builder(16);
  builder.Append(packet);
  return builder.Take();
}

TEST(BatchTest, Ipv4RowStandsInItsColumns) {
  Packet packet = MakePacket();
  packet.flags = kChecksumUnknown | kHopLimit255;
  const v1::PacketBatch batch = BatchOf(packet);
  EXPECT_EQ(batch.layout(), v1::PACKET_LAYOUT_IPV4);
  EXPECT_EQ(batch.base_time_unix_ns(), kStartNs);
  ASSERT_EQ(batch.source_size(), 1);
  EXPECT_EQ(batch.source(0), 0xC0000201u);
  EXPECT_EQ(batch.destination(0), 0xC0000202u);
  EXPECT_TRUE(batch.source_ipv6().empty());
  EXPECT_EQ(batch.ports(0), 0x12345678u);
  EXPECT_EQ(batch.time_delta_ns(0), 0u);
  EXPECT_EQ(batch.kind(0), 40u << 16 | 0x12u << 8 | 6u);
  EXPECT_EQ(batch.sequence(0), 0xaaaaaaaau);
  EXPECT_EQ(batch.acknowledgment(0), 0xbbbbbbbbu);
  EXPECT_EQ(batch.shape(0), 0x22u << 24 | 5u << 20 | 5u << 16 | 0xfedcu);
  EXPECT_FALSE(batch.has_long_lengths() || batch.has_malformed() || batch.has_tcp_options() ||
               batch.has_icmp_errors());
}

TEST(BatchTest, Ipv6AddressesAreBytes) {
  Packet packet = MakePacket(true);
  packet.network_header_length = 56;
  const v1::PacketBatch batch = BatchOf(packet);
  EXPECT_EQ(batch.layout(), v1::PACKET_LAYOUT_IPV6);
  EXPECT_EQ(batch.source_size(), 0);
  ASSERT_EQ(batch.source_ipv6().size(), 16u);
  EXPECT_EQ(batch.source_ipv6().substr(0, 4), std::string("\x20\x01\x0d\xb8", 4));
  EXPECT_EQ(batch.destination_ipv6().back(), '\x02');
  EXPECT_EQ(batch.shape(0) >> 16 & 0xf, 2u);  // 16 bytes of extension headers.
}

TEST(BatchTest, LongLengthsHaveARow) {
  Packet packet = MakePacket();
  packet.total_length = 65'535;
  const v1::PacketBatch batch = BatchOf(packet);
  ASSERT_EQ(batch.long_lengths().index_size(), 1);
  EXPECT_EQ(batch.long_lengths().total_length(0), 65'535u);
  EXPECT_EQ(batch.long_lengths().network_header_length(0), 20u);
  EXPECT_EQ(batch.kind(0) >> 16, 65'535u);
  EXPECT_EQ(batch.shape(0) >> 24, unsigned{kSparseRow});
  EXPECT_EQ(batch.shape(0) >> 16 & 0xf, 5u);
}

TEST(BatchTest, LongExtensionHeadersHaveARow) {
  for (const uint32_t header_length : {40u + 120u, 40u + 12u}) {
    Packet packet = MakePacket(true);
    packet.total_length = 400;
    packet.network_header_length = header_length;
    const v1::PacketBatch batch = BatchOf(packet);
    ASSERT_EQ(batch.long_lengths().index_size(), 1) << header_length;
    EXPECT_EQ(batch.long_lengths().total_length(0), 400u);
    EXPECT_EQ(batch.long_lengths().network_header_length(0), header_length);
    EXPECT_EQ(batch.shape(0) >> 16 & 0xf, 15u);
  }
}

TEST(BatchTest, SparseRowsNameTheirPackets) {
  BatchBuilder builder(16);
  builder.Append(MakePacket());
  Packet malformed = MakePacket();
  malformed.malformed = Malformed::kUdpLength;
  malformed.flags = kMalformed;
  builder.Append(malformed);
  Packet options = MakePacket();
  options.tcp_options = kWindowScalePresent | kSackEdgePresent | 7;
  options.sack_edge = 99;
  builder.Append(options);
  Packet error = MakePacket();
  error.has_quote = true;
  error.quote = Quote{MakeAddress("10.0.0.1"), MakeAddress("10.0.0.2"), 0x00500051, 17};
  builder.Append(error);
  const v1::PacketBatch batch = builder.Take();

  EXPECT_EQ(batch.shape(0) >> 24, 0u);
  EXPECT_EQ(batch.shape(1) >> 24, unsigned{kMalformed | kSparseRow});
  EXPECT_EQ(batch.shape(2) >> 24, unsigned{kSparseRow});
  EXPECT_EQ(batch.shape(3) >> 24, unsigned{kSparseRow});
  ASSERT_EQ(batch.malformed().index_size(), 1);
  EXPECT_EQ(batch.malformed().index(0), 1u);
  EXPECT_EQ(batch.malformed().reason(0), v1::INVALID_REASON_UDP_LENGTH);
  ASSERT_EQ(batch.tcp_options().index_size(), 1);
  EXPECT_EQ(batch.tcp_options().index(0), 2u);
  EXPECT_EQ(batch.tcp_options().options(0), 0x507u);
  EXPECT_EQ(batch.tcp_options().sack_edge(0), 99u);
  ASSERT_EQ(batch.icmp_errors().index_size(), 1);
  EXPECT_EQ(batch.icmp_errors().index(0), 3u);
  EXPECT_EQ(batch.icmp_errors().source(0), 0x0a000001u);
  EXPECT_EQ(batch.icmp_errors().destination(0), 0x0a000002u);
  EXPECT_EQ(batch.icmp_errors().ports(0), 0x00500051u);
  EXPECT_EQ(batch.icmp_errors().protocol(0), 17u);
}

// An SCTP packet of `count` chunks with the types 0, 1, 2, ... and flags 255, 254, ...
Packet MakeSctpPacket(uint16_t count, Buffer* bytes) {
  bytes->clear();
  for (uint32_t i = 0; i < count; ++i) {
    *bytes = std::move(*bytes) + Buffer{static_cast<uint8_t>(i), static_cast<uint8_t>(~i), 0, 4};
  }
  Packet packet = MakePacket();
  packet.protocol = 132;
  packet.tcp_header_words = 0;
  packet.sctp_chunks = *bytes;
  packet.sctp_chunk_count = count;
  return packet;
}

TEST(BatchTest, EveryChunkOfAnSctpPacketHasARow) {
  Buffer one;
  Buffer three;
  BatchBuilder builder(16);
  builder.Append(MakeSctpPacket(3, &three));
  builder.Append(MakePacket());
  builder.Append(MakeSctpPacket(1, &one));
  const v1::PacketBatch batch = builder.Take();
  EXPECT_THAT(batch.sctp_chunks().index(), ElementsAre(0, 0, 0, 2));
  EXPECT_THAT(batch.sctp_chunks().chunk(), ElementsAre(0xff00, 0xfe01, 0xfd02, 0xff00));
  EXPECT_EQ(batch.shape(0) >> 24, unsigned{kSparseRow});
  EXPECT_EQ(batch.shape(1) >> 24, 0u);
  EXPECT_EQ(batch.shape(2) >> 24, unsigned{kSparseRow});
}

TEST(BatchTest, ChunksOfABatchAreBounded) {
  Buffer half;
  Buffer one;
  BatchBuilder builder(16);
  for (int round = 0; round < 2; ++round) {  // Taking makes room again.
    builder.Append(MakeSctpPacket(BatchBuilder::kChunksMax / 2, &half));
    builder.Append(MakeSctpPacket(BatchBuilder::kChunksMax / 2, &half));
    EXPECT_FALSE(builder.Fits(MakeSctpPacket(1, &one)));
    EXPECT_TRUE(builder.Fits(MakePacket()));
    const v1::PacketBatch batch = builder.Take();
    EXPECT_EQ(batch.sctp_chunks().index_size(), int{BatchBuilder::kChunksMax});
    EXPECT_LE(batch.ByteSizeLong(), 2 * BatchBuilder::kPacketBytesMax +
                                        BatchBuilder::kChunksMax * BatchBuilder::kChunkBytes);
  }
}

TEST(BatchTest, BaseIsTheEarliestTime) {
  BatchBuilder builder(16);
  for (const uint64_t after_ns : {500u, 100u, 900u}) builder.Append(MakePacket(false, after_ns));
  const v1::PacketBatch batch = builder.Take();
  EXPECT_EQ(batch.base_time_unix_ns(), kStartNs + 100);
  EXPECT_EQ(batch.time_delta_ns(0), 400u);
  EXPECT_EQ(batch.time_delta_ns(1), 0u);
  EXPECT_EQ(batch.time_delta_ns(2), 800u);
}

TEST(BatchTest, DeltaThatOverflowsDoesNotFit) {
  BatchBuilder builder(16);
  builder.Append(MakePacket(false, 10));
  EXPECT_TRUE(builder.Fits(MakePacket(false, 10 + uint64_t{UINT32_MAX})));
  EXPECT_FALSE(builder.Fits(MakePacket(false, 11 + uint64_t{UINT32_MAX})));
  builder.Append(MakePacket(false, 10 + uint64_t{UINT32_MAX}));
  // Nor does an earlier one, from which the last would be too far.
  EXPECT_TRUE(builder.Fits(MakePacket(false, 10)));
  EXPECT_FALSE(builder.Fits(MakePacket(false, 9)));
}

TEST(BatchTest, OtherFamilyAndFullBatchDoNotFit) {
  BatchBuilder builder(2);
  EXPECT_TRUE(builder.Fits(MakePacket(true)));
  builder.Append(MakePacket());
  EXPECT_FALSE(builder.Fits(MakePacket(true)));
  EXPECT_TRUE(builder.Fits(MakePacket()));
  builder.Append(MakePacket());
  EXPECT_TRUE(builder.full());
  EXPECT_FALSE(builder.Fits(MakePacket()));
}

TEST(BatchTest, ColumnsAreCutToTheirPackets) {
  for (const uint32_t packets : {3u, 16u}) {
    BatchBuilder builder(16);
    for (uint32_t round = 0; round < 3; ++round) {  // The arrays are used again.
      const bool ipv6 = round == 1;
      for (uint32_t i = 0; i < packets; ++i) builder.Append(MakePacket(ipv6));
      const v1::PacketBatch batch = builder.Take();
      const int size = static_cast<int>(packets);
      EXPECT_EQ(builder.size(), 0u);
      EXPECT_EQ(batch.source_size(), ipv6 ? 0 : size);
      EXPECT_EQ(batch.destination_size(), ipv6 ? 0 : size);
      EXPECT_EQ(batch.source_ipv6().size(), ipv6 ? packets * 16 : 0);
      EXPECT_EQ(batch.destination_ipv6().size(), ipv6 ? packets * 16 : 0);
      EXPECT_EQ(batch.ports_size(), size);
      EXPECT_EQ(batch.time_delta_ns_size(), size);
      EXPECT_EQ(batch.kind_size(), size);
      EXPECT_EQ(batch.sequence_size(), size);
      EXPECT_EQ(batch.acknowledgment_size(), size);
      EXPECT_EQ(batch.shape_size(), size);
    }
  }
}

TEST(BatchTest, SmallBatchTakesLittleMemory) {
  BatchBuilder builder(4'096);
  builder.Append(MakePacket());
  EXPECT_LT(builder.Take().SpaceUsedLong(), 2'000u);
}

}  // namespace
}  // namespace conntrack::sensor
