#include "client/cli/packet_flags.h"

#include <gtest/gtest.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace conntrack::cli {
namespace {

// The batch of the flags; the complaint when there is none.
std::string Packet(const std::string& line, v1::PacketBatch* batch) {
  PacketFlags flags;
  CLI::App app;
  AddPacketFlags(app, &flags);
  try {
    app.parse(line);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  auto packet = PacketOf(flags);
  if (!packet.ok()) return std::string(packet.status().message());
  *batch = *packet;
  return "";
}

TEST(PacketFlagsTest, ASynWithOptions) {
  v1::PacketBatch batch;
  ASSERT_EQ(Packet("-p tcp -s 192.0.2.1 --sport 1234 -d 192.0.2.2 --dport 80 --tcp-flags syn,ECE "
                   "--seq 5 --window 100 --window-scale 7 --sack-permitted",
                   &batch),
            "");
  EXPECT_EQ(batch.layout(), v1::PACKET_LAYOUT_IPV4);
  EXPECT_EQ(batch.source(0), 0xC0000201u);
  EXPECT_EQ(batch.destination(0), 0xC0000202u);
  EXPECT_EQ(batch.ports(0), 1234u << 16 | 80);
  EXPECT_EQ(batch.kind(0), 48u << 16 | 0x42u << 8 | 6u);
  EXPECT_EQ(batch.sequence(0), 5u);
  EXPECT_EQ(batch.shape(0), 0x48u << 24 | 7u << 20 | 5u << 16 | 100u);
  ASSERT_EQ(batch.tcp_options().options_size(), 1);
  EXPECT_EQ(batch.tcp_options().options(0), 0x307u);
}

TEST(PacketFlagsTest, Ipv6UdpWithPayloadAndABadChecksum) {
  v1::PacketBatch batch;
  ASSERT_EQ(Packet("-p udp -s 2001:db8::1 --sport 1 -d 2001:db8::2 --dport 53 --payload 100 "
                   "--bad-checksum --hop-limit-255 --time 2026-01-02T03:04:05.5Z",
                   &batch),
            "");
  EXPECT_EQ(batch.layout(), v1::PACKET_LAYOUT_IPV6);
  EXPECT_EQ(batch.source_ipv6(), std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
  EXPECT_EQ(batch.kind(0), 148u << 16 | 17u);
  EXPECT_EQ(batch.shape(0), 0x21u << 24);
  EXPECT_EQ(batch.base_time_unix_ns(), 1'767'323'045'500'000'000u);
}

TEST(PacketFlagsTest, AnSctpInitAndAnIcmpError) {
  v1::PacketBatch batch;
  ASSERT_EQ(Packet("-p sctp -s 192.0.2.1 --sport 1 -d 192.0.2.2 --dport 2 --chunks INIT "
                   "--initiate-tag 9",
                   &batch),
            "");
  EXPECT_EQ(batch.sctp_chunks().chunk(0), 1u);
  EXPECT_EQ(batch.acknowledgment(0), 9u);
  ASSERT_EQ(Packet("-p icmp -s 192.0.2.2 -d 192.0.2.1 --icmp-type 3 --icmp-code 3 "
                   "--quote 'udp src=192.0.2.1 dst=192.0.2.2 sport=7 dport=9'",
                   &batch),
            "");
  EXPECT_EQ(batch.ports(0), 3u << 24 | 3u << 16);
  EXPECT_EQ(batch.icmp_errors().ports(0), 7u << 16 | 9u);
  EXPECT_EQ(batch.icmp_errors().protocol(0), 17u);
}

TEST(PacketFlagsTest, ComplaintsNameTheFlag) {
  v1::PacketBatch batch;
  const std::string tcp = "-p tcp -s 192.0.2.1 --sport 1 -d 192.0.2.2 --dport 2 ";
  EXPECT_EQ(Packet(tcp, &batch), "a TCP packet needs --tcp-flags, such as SYN or ACK,PSH");
  EXPECT_EQ(Packet(tcp + "--tcp-flags SIN", &batch),
            "--tcp-flags \"SIN\" is none of ACK, CWR, ECE, FIN, PSH, RST, SYN, URG");
  EXPECT_EQ(Packet(tcp + "--tcp-flags SYN --chunks INIT", &batch), "--chunks is for SCTP");
  EXPECT_EQ(Packet("-p udp -s 192.0.2.1 --sport 1 -d ::1 --dport 2", &batch),
            "source 192.0.2.1 and destination ::1 are of different families");
  EXPECT_EQ(Packet("-p udp -s 192.0.2.1 --sport 1 -d nowhere --dport 2", &batch),
            "\"nowhere\" is not an address");
  EXPECT_EQ(Packet("-p icmp -s 192.0.2.1 -d 192.0.2.2 --icmp-type 3 --quote 'udp src=::1'", &batch),
            "--quote: a tuple needs protocol, source and destination");
  EXPECT_EQ(Packet(tcp + "--tcp-flags SYN --time noon", &batch),
            "--time \"noon\" is not a time such as 2026-01-02T03:04:05.678Z");
}

}  // namespace
}  // namespace conntrack::cli
