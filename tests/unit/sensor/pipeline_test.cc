#include "client/sensor/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/sensor/frames.h"

namespace conntrack::sensor {
namespace {

using testing::Buffer;
using ::testing::ElementsAre;
using testing::Ethernet;
using testing::Ip;
using testing::Ipv4;
using testing::Ipv6;
using testing::Ipv6Header;
using testing::TcpSegment;
using testing::operator+;

constexpr uint64_t kStartNs = 1'700'000'000'000'000'000;

class PipelineTest : public ::testing::Test {
 protected:
  void Take(const Buffer& bytes, uint64_t after_ns = 0) {
    pipeline_.Take(Frame{LinkType::kEthernet, kStartNs + after_ns, bytes,
                         static_cast<uint32_t>(bytes.size())});
  }

  static Buffer V4() { return Ethernet(0x0800, Ipv4({}, TcpSegment({}, {}))); }
  static Buffer V6() {
    return Ethernet(0x86dd, Ipv6(Ipv6Header(6), TcpSegment(Ipv6Header(6), {})));
  }

  // Counts of a session that took every batch and acknowledged none.
  client::IngestCounts Counts() const {
    client::IngestCounts counts;
    for (const v1::PacketBatch& batch : batches_) {
      counts.sent_packets += static_cast<uint64_t>(batch.kind_size());
    }
    counts.pending_packets = counts.sent_packets;
    return counts;
  }

  std::vector<v1::PacketBatch> batches_;
  Pipeline pipeline_{
      PipelineOptions{.batch_packets_max = 4, .checksums = Checksums::kVerify, .reassembly = {}},
      [this](v1::PacketBatch batch) { batches_.push_back(std::move(batch)); }};
};

TEST_F(PipelineTest, FullBatchLeavesAtOnce) {
  for (int i = 0; i < 3; ++i) Take(V4());
  EXPECT_TRUE(batches_.empty());
  Take(V4());
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_EQ(batches_[0].kind_size(), 4);
  EXPECT_EQ(pipeline_.open_packets(), 0u);
}

TEST_F(PipelineTest, OrderIsKeptAcrossFamilies) {
  Take(V4(), 1);
  Take(V4(), 2);
  Take(V6(), 3);
  Take(V4(), 4);
  pipeline_.Finish();
  ASSERT_EQ(batches_.size(), 3u);
  EXPECT_EQ(batches_[0].kind_size(), 2);
  EXPECT_EQ(batches_[1].layout(), v1::PACKET_LAYOUT_IPV6);
  EXPECT_EQ(batches_[1].base_time_unix_ns(), kStartNs + 3);
  EXPECT_EQ(batches_[2].base_time_unix_ns(), kStartNs + 4);
}

TEST_F(PipelineTest, LongPauseCutsTheBatch) {
  Take(V4(), 0);
  Take(V4(), 5'000'000'000);
  EXPECT_EQ(batches_.size(), 1u);
}

TEST_F(PipelineTest, NewLimitHoldsFromTheNextBatchOn) {
  Take(V4());
  pipeline_.SetBatchPacketsMax(2);
  for (int i = 0; i < 5; ++i) Take(V4());
  ASSERT_EQ(batches_.size(), 2u);
  EXPECT_EQ(batches_[0].kind_size(), 4);
  EXPECT_EQ(batches_[1].kind_size(), 2);
}

TEST_F(PipelineTest, EveryPacketIsAccountedFor) {
  Take(V4());
  Take(V6());
  Take(Ethernet(0x0806, Buffer(28, 0)));
  Ip bad;
  bad.header_checksum = 1;
  Take(Ethernet(0x0800, Ipv4(bad, TcpSegment({}, {}))));
  Take(Ethernet(0x0800, Ipv4({}, Buffer(10, 0))));  // Half a TCP header.
  // A datagram in two fragments, and one that stays incomplete.
  Ip ip;
  ip.protocol = 17;
  const Buffer datagram = testing::UdpDatagram(ip, 1, 2, Buffer(100, 3));
  ip.fragmentation = 0x2000;
  Take(Ethernet(0x0800, Ipv4(ip, Buffer(datagram.begin(), datagram.begin() + 56))));
  ip.fragmentation = 7;
  Take(Ethernet(0x0800, Ipv4(ip, Buffer(datagram.begin() + 56, datagram.end()))));
  ip.id = 8;
  Take(Ethernet(0x0800, Ipv4(ip, Buffer(24, 1))));

  Ledger before = pipeline_.ledger();
  EXPECT_EQ(before.held_fragments, 1u);
  EXPECT_EQ(before.Check(Counts()), "");
  pipeline_.Finish();
  const Ledger ledger = pipeline_.ledger();
  EXPECT_EQ(ledger.Check(Counts()), "");
  EXPECT_EQ(ledger.read_packets, 8u);
  EXPECT_EQ(ledger.decoded_packets, 4u);
  EXPECT_EQ(ledger.malformed_packets, 1u);
  EXPECT_EQ(ledger.reassembled_packets, 1u);
  EXPECT_EQ(ledger.absorbed_fragments, 1u);
  EXPECT_EQ(ledger.held_fragments, 0u);
  EXPECT_EQ(ledger.open_packets, 0u);
  EXPECT_EQ(ledger.discarded[static_cast<size_t>(Discard::kNotIp)], 1u);
  EXPECT_EQ(ledger.discarded[static_cast<size_t>(Discard::kIpv4Checksum)], 1u);
  EXPECT_EQ(ledger.discarded[static_cast<size_t>(Discard::kFragmentTimeout)], 1u);
  EXPECT_EQ(Counts().sent_packets, 4u);
}

TEST_F(PipelineTest, ChunksOfAReassembledPacketAreListed) {
  const Buffer packet = testing::SctpPacket(
      7, testing::SctpChunk(3, 0, Buffer(12, 1)) + testing::SctpChunk(0, 3, Buffer(30, 2)));
  Ip ip;
  ip.protocol = 132;
  ip.fragmentation = 2;  // The last fragment comes first.
  Take(Ethernet(0x0800, Ipv4(ip, Buffer(packet.begin() + 16, packet.end()))));
  ip.fragmentation = 0x2000;
  Take(Ethernet(0x0800, Ipv4(ip, Buffer(packet.begin(), packet.begin() + 16))));
  pipeline_.Finish();
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_THAT(batches_[0].sctp_chunks().index(), ElementsAre(0, 0));
  EXPECT_THAT(batches_[0].sctp_chunks().chunk(), ElementsAre(3, 0x300));
  EXPECT_EQ(batches_[0].sequence(0), 7u);
  EXPECT_EQ(batches_[0].shape(0) >> 24, unsigned{kReassembled | kSparseRow});
}

TEST_F(PipelineTest, FragmentsTimeOutWithTheTimeOfOtherPackets) {
  Ip ip;
  ip.fragmentation = 0x2000;
  Take(Ethernet(0x0800, Ipv4(ip, Buffer(24, 1))));
  Take(V4(), 29'999'999'999);
  EXPECT_EQ(pipeline_.ledger().held_fragments, 1u);
  Take(V4(), 30'000'000'000);
  EXPECT_EQ(pipeline_.ledger().held_fragments, 0u);
}

}  // namespace
}  // namespace conntrack::sensor
