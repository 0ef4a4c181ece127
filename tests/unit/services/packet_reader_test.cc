// PacketReader against what strangers may send: a row for each rule of
// packet_batch.proto.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "server/convert_packets.h"

namespace conntrack {
namespace {

constexpr uint32_t kPacketsMax = 8;
constexpr uint32_t kSparse = 0x40u << 24;
constexpr uint32_t kMalformed = 0x10u << 24;

uint32_t Kind(uint8_t protocol, uint8_t tcp_flags, uint16_t total_length) {
  return protocol | uint32_t{tcp_flags} << 8 | uint32_t{total_length} << 16;
}
uint32_t Shape(uint16_t window, uint8_t network_header, uint8_t data_offset) {
  return window | uint32_t{network_header} << 16 | uint32_t{data_offset} << 20;
}

void AddIpv4Row(v1::PacketBatch* batch, uint32_t kind, uint32_t shape) {
  batch->add_source(0x0A000001);
  batch->add_destination(0x0A000002);
  batch->add_ports(1234u << 16 | 80);
  batch->add_time_delta_ns(7);
  batch->add_kind(kind);
  batch->add_sequence(100);
  batch->add_acknowledgment(200);
  batch->add_shape(shape);
}

// Two TCP packets of 52 bytes: IHL 5, data offset 5, 12 bytes of payload.
v1::PacketBatch Ipv4Batch() {
  v1::PacketBatch batch;
  batch.set_layout(v1::PACKET_LAYOUT_IPV4);
  batch.set_base_time_unix_ns(1'000'000'000);
  for (int i = 0; i < 2; ++i) {
    AddIpv4Row(&batch, Kind(kProtocolTcp, tcp_flag::kAck, 52), Shape(500, 5, 5));
  }
  return batch;
}

v1::PacketBatch Ipv6Batch() {
  v1::PacketBatch batch = Ipv4Batch();
  batch.set_layout(v1::PACKET_LAYOUT_IPV6);
  batch.clear_source();
  batch.clear_destination();
  std::string address(15, '\0');
  address[0] = '\x20';
  batch.set_source_ipv6(address + '\1' + address + '\1');
  batch.set_destination_ipv6(address + '\2' + address + '\2');
  for (int i = 0; i < 2; ++i) {
    batch.set_kind(i, Kind(kProtocolTcp, tcp_flag::kAck, 72));
    batch.set_shape(i, Shape(500, 0, 5));
  }
  return batch;
}

TEST(PacketReaderTest, ReadsEveryFixedColumn) {
  PacketReader reader;
  v1::PacketBatch batch = Ipv4Batch();
  batch.set_shape(1, Shape(500, 5, 6) | 0x2Au << 24);
  ASSERT_FALSE(reader.Append(batch, kPacketsMax).has_value());
  ASSERT_EQ(reader.packets().size(), 2u);
  const Packet& packet = reader.packets()[1];
  EXPECT_EQ(UnixNanos(packet.time), 1'000'000'007);
  EXPECT_EQ(packet.source, Ipv4Address(0x0A000001));
  EXPECT_EQ(packet.destination, Ipv4Address(0x0A000002));
  EXPECT_EQ(SourcePort(packet.ports), 1234);
  EXPECT_EQ(DestinationPort(packet.ports), 80);
  EXPECT_EQ(packet.protocol, kProtocolTcp);
  EXPECT_EQ(packet.tcp_flags, tcp_flag::kAck);
  EXPECT_EQ(packet.total_length, 52u);
  EXPECT_EQ(packet.payload_length, 8u);
  EXPECT_EQ(packet.sequence, 100u);
  EXPECT_EQ(packet.acknowledgment, 200u);
  EXPECT_EQ(packet.window, 500);
  EXPECT_EQ(packet.flags,
            packet_flag::kChecksumUnknown | packet_flag::kHasOptions | packet_flag::kHopLimit255);
}

TEST(PacketReaderTest, ReadsIpv6AddressesInNetworkByteOrder) {
  PacketReader reader;
  ASSERT_FALSE(reader.Append(Ipv6Batch(), kPacketsMax).has_value());
  const Packet& packet = reader.packets()[0];
  EXPECT_EQ(packet.family, Family::kIpv6);
  EXPECT_EQ(packet.source, (Address{0x2000000000000000, 1}));
  EXPECT_EQ(packet.destination, (Address{0x2000000000000000, 2}));
  EXPECT_EQ(packet.payload_length, 12u);
}

TEST(PacketReaderTest, ReadsEverySparseColumn) {
  PacketReader reader;
  v1::PacketBatch batch = Ipv4Batch();
  AddIpv4Row(&batch, Kind(kProtocolIcmp, 0, 56), Shape(0, 5, 0) | kSparse);
  AddIpv4Row(&batch, Kind(kProtocolTcp, 0, 22), Shape(0, 5, 0) | kSparse | kMalformed);
  batch.set_kind(0, Kind(kProtocolTcp, tcp_flag::kAck, 65'535));
  batch.set_shape(0, batch.shape(0) | kSparse);
  batch.mutable_long_lengths()->add_index(0);
  batch.mutable_long_lengths()->add_total_length(70'000);
  batch.mutable_long_lengths()->add_network_header_length(20);
  batch.mutable_tcp_options()->add_index(0);
  batch.mutable_tcp_options()->add_options(0x707);
  batch.mutable_tcp_options()->add_sack_edge(4'000);
  batch.mutable_icmp_errors()->add_index(2);
  batch.mutable_icmp_errors()->add_source(0x0A000002);
  batch.mutable_icmp_errors()->add_destination(0x0A000001);
  batch.mutable_icmp_errors()->add_ports(53u << 16 | 5353);
  batch.mutable_icmp_errors()->add_protocol(kProtocolUdp);
  batch.mutable_malformed()->add_index(3);
  batch.mutable_malformed()->add_reason(v1::INVALID_REASON_TRANSPORT_TRUNCATED);
  const auto error = reader.Append(batch, kPacketsMax);
  ASSERT_FALSE(error.has_value()) << error->detail;
  const std::span<const Packet> packets = reader.packets();
  EXPECT_EQ(packets[0].total_length, 70'000u);
  EXPECT_EQ(packets[0].payload_length, 69'960u);
  EXPECT_EQ(packets[0].window_scale, 7);
  EXPECT_EQ(packets[0].tcp_options,
            tcp_option::kWindowScale | tcp_option::kSackPermitted | tcp_option::kSackEdge);
  EXPECT_EQ(packets[0].sack_edge, 4'000u);
  ASSERT_NE(packets[2].quote, nullptr);
  EXPECT_EQ(packets[2].quote->protocol, kProtocolUdp);
  EXPECT_EQ(packets[2].quote->source, Ipv4Address(0x0A000002));
  EXPECT_EQ(packets[3].malformed, InvalidReason::kTransportTruncated);
}

// Makes packet `i` an SCTP packet without a row.
void MakeSctp(int i, v1::PacketBatch* batch) {
  batch->set_kind(i, Kind(kProtocolSctp, 0, 64));
  batch->set_shape(i, Shape(0, 5, 0));
}

void AddChunk(uint32_t index, uint32_t chunk, v1::PacketBatch* batch) {
  batch->set_shape(static_cast<int>(index), batch->shape(static_cast<int>(index)) | kSparse);
  batch->mutable_sctp_chunks()->add_index(index);
  batch->mutable_sctp_chunks()->add_chunk(chunk);
}

TEST(PacketReaderTest, ReadsTheChunksOfEachSctpPacket) {
  PacketReader reader;
  for (const uint32_t chunks : {2u, 500u, 3u}) {  // The memory of the last batch is used again.
    v1::PacketBatch batch = Ipv4Batch();
    AddIpv4Row(&batch, 0, 0);
    MakeSctp(0, &batch);
    MakeSctp(2, &batch);
    AddChunk(0, 0x0301, &batch);
    for (uint32_t i = 0; i < chunks; ++i) AddChunk(2, i % 256 << 8 | 10, &batch);
    reader.Clear();
    const auto error = reader.Append(batch, kPacketsMax);
    ASSERT_FALSE(error.has_value()) << error->detail;
    const std::span<const Packet> packets = reader.packets();
    EXPECT_EQ(packets[0].sequence, 100u);
    EXPECT_EQ(packets[0].acknowledgment, 200u);
    ASSERT_EQ(packets[0].chunks().size(), 1u);
    EXPECT_EQ(packets[0].chunks()[0], (SctpChunk{1, 3}));
    EXPECT_EQ(packets[1].sctp_chunks, nullptr);
    EXPECT_TRUE(packets[1].chunks().empty());
    ASSERT_EQ(packets[2].chunks().size(), chunks);
    for (uint32_t i = 0; i < chunks; ++i) {
      EXPECT_EQ(packets[2].chunks()[i], (SctpChunk{10, static_cast<uint8_t>(i)}));
    }
  }
}

TEST(PacketReaderTest, ChunksOfAPacketHaveALimit) {
  v1::PacketBatch batch = Ipv4Batch();
  MakeSctp(0, &batch);
  MakeSctp(1, &batch);
  for (uint32_t i = 0; i < 16'384; ++i) AddChunk(0, 3, &batch);
  AddChunk(1, 3, &batch);
  PacketReader reader;
  ASSERT_FALSE(reader.Append(batch, kPacketsMax).has_value());
  EXPECT_EQ(reader.packets()[0].chunks().size(), 16'384u);
  batch.mutable_sctp_chunks()->set_index(16'384, 0);
  AddChunk(1, 3, &batch);
  reader.Clear();
  const auto error = reader.Append(batch, kPacketsMax);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->reason, v1::BATCH_REJECTION_VALUE);
  EXPECT_EQ(error->detail, "column sctp_chunks.index: packet 0 has more than 16384 chunks");
}

void AddOptions(v1::PacketBatch* batch, uint32_t index, uint32_t options) {
  batch->mutable_tcp_options()->add_index(index);
  batch->mutable_tcp_options()->add_options(options);
  batch->mutable_tcp_options()->add_sack_edge(0);
}

// Many packets are looked at together; each must still be seen by itself.
constexpr int kLongBatch = 100;

v1::PacketBatch LongBatch() {
  v1::PacketBatch batch = Ipv4Batch();
  while (batch.kind_size() < kLongBatch) {
    AddIpv4Row(&batch, Kind(kProtocolTcp, tcp_flag::kAck, 52), Shape(500, 5, 5));
  }
  return batch;
}

TEST(PacketReaderTest, GathersBatches) {
  PacketReader reader;
  v1::PacketBatch later = Ipv4Batch();
  later.set_base_time_unix_ns(2'000'000'000);
  ASSERT_FALSE(reader.Append(later, kPacketsMax).has_value());
  ASSERT_FALSE(reader.Append(Ipv6Batch(), kPacketsMax).has_value());
  // What is rejected, in its first column or its last, leaves the others alone.
  v1::PacketBatch bad = Ipv4Batch();
  bad.set_layout(v1::PACKET_LAYOUT_UNSPECIFIED);
  EXPECT_TRUE(reader.Append(bad, kPacketsMax).has_value());
  bad = Ipv4Batch();
  AddOptions(&bad, 0, 0x200);
  EXPECT_TRUE(reader.Append(bad, kPacketsMax).has_value());
  ASSERT_EQ(reader.packets().size(), 4u);
  EXPECT_EQ(reader.packets()[1].source, Ipv4Address(0x0A000001));
  EXPECT_EQ(reader.packets()[3].source, (Address{0x2000000000000000, 1}));
  EXPECT_EQ(UnixNanos(reader.newest()), 2'000'000'007);
  EXPECT_FALSE(reader.full());
  reader.Clear();
  EXPECT_TRUE(reader.packets().empty());
  EXPECT_EQ(reader.newest(), kNeverYet);
}

TEST(PacketReaderTest, IsFullOfManyPackets) {
  PacketReader reader;
  size_t count = 0;
  for (; !reader.full(); count += kLongBatch) {
    ASSERT_LT(count, PacketReader::kFullPackets);
    ASSERT_FALSE(reader.Append(LongBatch(), kLongBatch).has_value());
  }
  EXPECT_GE(count, PacketReader::kFullPackets);
  EXPECT_EQ(reader.packets().size(), count);
}

TEST(PacketReaderTest, IsFullWhenPacketsPointToMore) {
  PacketReader reader;
  v1::PacketBatch batch = Ipv4Batch();
  MakeSctp(1, &batch);
  AddChunk(1, 3, &batch);
  ASSERT_FALSE(reader.Append(batch, kPacketsMax).has_value());
  EXPECT_TRUE(reader.full());
  reader.Clear();
  EXPECT_FALSE(reader.full());
}

TEST(PacketReaderTest, FindsAFaultWhereverItIs) {
  PacketReader reader;
  ASSERT_FALSE(reader.Append(LongBatch(), kLongBatch).has_value());
  struct Fault {
    uint32_t kind;
    uint32_t shape;
  };
  const std::vector<Fault> faults = {
      {Kind(kProtocolTcp, 0, 39), Shape(0, 5, 5)},
      {Kind(kProtocolTcp, 0, 52), Shape(0, 4, 5)},
      {Kind(kProtocolTcp, 0, 52), Shape(0, 5, 4)},
      {Kind(kProtocolUdp, 0, 19), Shape(0, 5, 0)},
      {Kind(kProtocolUdp, 0, 20), Shape(0, 5, 1)},
      {Kind(kProtocolSctp, 0, 52), Shape(0, 5, 0)},
      {Kind(kProtocolTcp, 0, 52), Shape(0, 5, 5) | kSparse},
      {Kind(kProtocolTcp, 0, 52), Shape(0, 5, 5) | kMalformed},
      {Kind(kProtocolTcp, 0, 52), Shape(0, 5, 5) | 0x80000000u},
  };
  for (int place = 0; place < kLongBatch; ++place) {
    const std::string name = "packet " + std::to_string(place);
    for (const Fault& fault : faults) {
      v1::PacketBatch batch = LongBatch();
      batch.set_kind(place, fault.kind);
      batch.set_shape(place, fault.shape);
      const auto error = reader.Append(batch, kLongBatch);
      ASSERT_TRUE(error.has_value()) << name;
      EXPECT_NE(error->detail.find(name), std::string::npos) << error->detail;
    }
    v1::PacketBatch batch = LongBatch();
    AddOptions(&batch, static_cast<uint32_t>(place), 0x200);
    const auto error = reader.Append(batch, kLongBatch);
    ASSERT_TRUE(error.has_value()) << name;
    EXPECT_NE(error->detail.find(name + " is 0, but"), std::string::npos) << error->detail;
  }
}

TEST(PacketReaderTest, ReadsTheRowsOfALongBatchEachByItself) {
  v1::PacketBatch batch = LongBatch();
  const std::vector<uint32_t> places = {0, 31, 32, 63, 64, 98, 99};
  for (const uint32_t place : places) {
    const auto row = static_cast<int>(place);
    batch.set_kind(row, Kind(kProtocolTcp, 0, 65'535));
    batch.set_shape(row, batch.shape(row) | kSparse);
    batch.set_time_delta_ns(row, 1000 - place);
    batch.mutable_long_lengths()->add_index(place);
    batch.mutable_long_lengths()->add_total_length(70'000 + place);
    batch.mutable_long_lengths()->add_network_header_length(20);
  }
  PacketReader reader;
  const auto error = reader.Append(batch, kLongBatch);
  ASSERT_FALSE(error.has_value()) << error->detail;
  EXPECT_EQ(UnixNanos(reader.newest()), 1'000'001'000);
  for (uint32_t i = 0; i < kLongBatch; ++i) {
    const bool is_long = std::find(places.begin(), places.end(), i) != places.end();
    EXPECT_EQ(reader.packets()[i].total_length, is_long ? 70'000 + i : 52) << i;
    EXPECT_EQ(reader.packets()[i].payload_length, is_long ? 69'960 + i : 12) << i;
  }
  // What the batch before left behind is not seen.
  reader.Clear();
  ASSERT_FALSE(reader.Append(Ipv4Batch(), kLongBatch).has_value());
  EXPECT_EQ(reader.packets().size(), 2u);
  EXPECT_EQ(reader.packets()[0].total_length, 52u);
}

struct BadBatch {
  const char* name;
  v1::BatchRejection reason;
  const char* detail;
  std::function<void(v1::PacketBatch*)> spoil;
  bool ipv6 = false;
};

class PacketReaderBadBatchTest : public testing::TestWithParam<BadBatch> {};

TEST_P(PacketReaderBadBatchTest, IsRejectedAndSaysWhy) {
  const BadBatch& row = GetParam();
  v1::PacketBatch batch = row.ipv6 ? Ipv6Batch() : Ipv4Batch();
  PacketReader reader;
  ASSERT_FALSE(reader.Append(batch, kPacketsMax).has_value());
  row.spoil(&batch);
  const auto error = reader.Append(batch, kPacketsMax);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->reason, row.reason) << error->detail;
  EXPECT_NE(error->detail.find(row.detail), std::string::npos) << error->detail;
}

const std::vector<BadBatch> kBadBatches = {
    {"NoLayout", v1::BATCH_REJECTION_LAYOUT, "layout 0", [](auto* b) { b->clear_layout(); }},
    {"UnknownLayout", v1::BATCH_REJECTION_LAYOUT, "layout 99",
     [](auto* b) { b->set_layout(static_cast<v1::PacketLayout>(99)); }},
    {"AddressesOfTheOtherFamily", v1::BATCH_REJECTION_LAYOUT, "other family",
     [](auto* b) { b->set_source_ipv6(std::string(32, 'x')); }},
    {"Empty", v1::BATCH_REJECTION_EMPTY, "no packet",
     [](auto* b) {
       b->Clear();
       b->set_layout(v1::PACKET_LAYOUT_IPV4);
     }},
    {"TooManyPackets", v1::BATCH_REJECTION_TOO_MANY_PACKETS, "more than 8",
     [](auto* b) {
       for (uint32_t i = 0; i < kPacketsMax; ++i) b->add_kind(0);
     }},
    {"ShortColumn", v1::BATCH_REJECTION_COLUMN_LENGTH, "column ports has 1 elements, not 2",
     [](auto* b) { b->mutable_ports()->RemoveLast(); }},
    {"LongColumn", v1::BATCH_REJECTION_COLUMN_LENGTH, "column sequence has 3",
     [](auto* b) { b->add_sequence(1); }},
    {"ShortAddressColumn", v1::BATCH_REJECTION_COLUMN_LENGTH, "column destination has 1",
     [](auto* b) { b->mutable_destination()->RemoveLast(); }},
    {"AddressBytesCutShort", v1::BATCH_REJECTION_COLUMN_LENGTH, "source_ipv6 has 31",
     [](auto* b) { b->mutable_source_ipv6()->pop_back(); }, true},
    {"LateBaseTime", v1::BATCH_REJECTION_TIME, "base_time_unix_ns",
     [](auto* b) { b->set_base_time_unix_ns(PacketReader::kTimeMax + 1); }},
    {"ReservedBit", v1::BATCH_REJECTION_VALUE, "bit 31 of packet 1",
     [](auto* b) { b->set_shape(1, b->shape(1) | 0x80000000u); }},
    {"IndexOutOfRange", v1::BATCH_REJECTION_INDEX_OUT_OF_RANGE, "tcp_options.index has 2",
     [](auto* b) { AddOptions(b, 2, 0x200); }},
    {"IndexesDescend", v1::BATCH_REJECTION_INDEX_ORDER, "has 0 after 1",
     [](auto* b) {
       AddOptions(b, 1, 0x200);
       AddOptions(b, 0, 0x200);
     }},
    {"IndexTwice", v1::BATCH_REJECTION_INDEX_ORDER, "has 1 after 1",
     [](auto* b) {
       AddOptions(b, 1, 0x200);
       AddOptions(b, 1, 0x200);
     }},
    {"SparseColumnsOfUnequalLength", v1::BATCH_REJECTION_COLUMN_LENGTH, "tcp_options.options",
     [](auto* b) { b->mutable_tcp_options()->add_index(0); }},
    {"SparseRowWithoutItsFlag", v1::BATCH_REJECTION_FLAGS, "has a sparse row",
     [](auto* b) { AddOptions(b, 0, 0x200); }},
    {"FlagWithoutSparseRow", v1::BATCH_REJECTION_FLAGS, "has no sparse row",
     [](auto* b) { b->set_shape(0, b->shape(0) | kSparse); }},
    {"MalformedWithoutReason", v1::BATCH_REJECTION_FLAGS, "malformed",
     [](auto* b) { b->set_shape(0, b->shape(0) | kMalformed); }},
    {"ReasonThatIsNotForSensors", v1::BATCH_REJECTION_VALUE, "is not for sensors",
     [](auto* b) {
       b->set_shape(0, b->shape(0) | kMalformed | kSparse);
       b->mutable_malformed()->add_index(0);
       b->mutable_malformed()->add_reason(v1::INVALID_REASON_TCP_STATE);
     }},
    {"UnknownOptionBits", v1::BATCH_REJECTION_VALUE, "unknown bits",
     [](auto* b) {
       b->set_shape(0, b->shape(0) | kSparse);
       AddOptions(b, 0, 0x800);
     }},
    {"HeadersLongerThanThePacket", v1::BATCH_REJECTION_LENGTHS, "packet 1",
     [](auto* b) { b->set_kind(1, Kind(kProtocolTcp, tcp_flag::kAck, 39)); }},
    {"ShortIpHeader", v1::BATCH_REJECTION_LENGTHS, "headers of 16",
     [](auto* b) { b->set_shape(0, Shape(0, 4, 5)); }},
    {"ShortTcpHeader", v1::BATCH_REJECTION_LENGTHS, "and 16 bytes",
     [](auto* b) { b->set_shape(0, Shape(0, 5, 4)); }},
    {"LongExtensionsWithoutLengths", v1::BATCH_REJECTION_LENGTHS, "long_lengths",
     [](auto* b) { b->set_shape(0, Shape(0, 15, 5)); }, true},
    {"HeadersBeyondAllNumbers", v1::BATCH_REJECTION_LENGTHS, "headers of 4294967280 and 20 bytes",
     [](auto* b) {
       b->set_shape(0, b->shape(0) | kSparse);
       b->mutable_long_lengths()->add_index(0);
       b->mutable_long_lengths()->add_total_length(0xFFFFFFFF);
       b->mutable_long_lengths()->add_network_header_length(0xFFFFFFF0);
     }},
    {"QuoteOfTheOtherFamily", v1::BATCH_REJECTION_COLUMN_LENGTH, "icmp_errors.source ",
     [](auto* b) {
       b->set_shape(0, b->shape(0) | kSparse);
       b->mutable_icmp_errors()->add_index(0);
       b->mutable_icmp_errors()->add_ports(0);
       b->mutable_icmp_errors()->add_protocol(6);
       b->mutable_icmp_errors()->set_source_ipv6(std::string(16, 'x'));
       b->mutable_icmp_errors()->set_destination_ipv6(std::string(16, 'x'));
     }},
    {"ChunkOutOfRange", v1::BATCH_REJECTION_INDEX_OUT_OF_RANGE, "sctp_chunks.index has 2",
     [](auto* b) {
       b->mutable_sctp_chunks()->add_index(2);
       b->mutable_sctp_chunks()->add_chunk(0);
     }},
    {"ChunksDescend", v1::BATCH_REJECTION_INDEX_ORDER, "sctp_chunks.index has 0 after 1",
     [](auto* b) {
       MakeSctp(0, b);
       MakeSctp(1, b);
       AddChunk(1, 0, b);
       AddChunk(0, 0, b);
     }},
    {"ChunksOfUnequalLength", v1::BATCH_REJECTION_COLUMN_LENGTH,
     "sctp_chunks.chunk has 0 elements, not 1",
     [](auto* b) { b->mutable_sctp_chunks()->add_index(0); }},
    {"UnknownChunkBits", v1::BATCH_REJECTION_VALUE, "sctp_chunks.chunk: 65536 of packet 1",
     [](auto* b) {
       MakeSctp(1, b);
       AddChunk(1, 0x10000, b);
     }},
    {"SctpWithoutAChunk", v1::BATCH_REJECTION_FLAGS, "packet 1 of protocol 132 has no row",
     [](auto* b) { MakeSctp(1, b); }},
    {"ChunkOfAnotherProtocol", v1::BATCH_REJECTION_FLAGS, "packet 0 of protocol 6 has a row",
     [](auto* b) { AddChunk(0, 3, b); }},
    {"ChunkOfAMalformedPacket", v1::BATCH_REJECTION_FLAGS, "132, malformed, has a row",
     [](auto* b) {
       MakeSctp(0, b);
       AddChunk(0, 3, b);
       b->set_shape(0, b->shape(0) | kMalformed);
       b->mutable_malformed()->add_index(0);
       b->mutable_malformed()->add_reason(v1::INVALID_REASON_SCTP_CHUNKS);
     }},
    {"ChunkWithoutItsFlag", v1::BATCH_REJECTION_FLAGS, "has a sparse row",
     [](auto* b) {
       MakeSctp(0, b);
       AddChunk(0, 3, b);
       b->set_shape(0, Shape(0, 5, 0));
     }},
    {"QuoteOfNoProtocol", v1::BATCH_REJECTION_VALUE, "above 255",
     [](auto* b) {
       b->set_shape(0, b->shape(0) | kSparse);
       b->mutable_icmp_errors()->add_index(0);
       b->mutable_icmp_errors()->add_source(1);
       b->mutable_icmp_errors()->add_destination(1);
       b->mutable_icmp_errors()->add_ports(0);
       b->mutable_icmp_errors()->add_protocol(256);
     }},
};

INSTANTIATE_TEST_SUITE_P(Rules, PacketReaderBadBatchTest, testing::ValuesIn(kBadBatches),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace conntrack
