#include "client/cli/tuple_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conntrack::cli {
namespace {

using ::testing::HasSubstr;

// The line as it is understood; the complaint when it is not.
std::string Read(const std::string& line, uint32_t zone = 0) {
  const auto key = ParseTuple(line, zone);
  return key.ok() ? TupleText(*key) : std::string(key.status().message());
}

TEST(TupleTest, AShortLineIsATuple) {
  EXPECT_EQ(Read("tcp src=192.0.2.1 dst=192.0.2.2 sport=1234 dport=80", 7),
            "tcp src=192.0.2.1 dst=192.0.2.2 sport=1234 dport=80 zone=7");
  EXPECT_EQ(Read("UDP dst=::2 dport=53 sport=1 src=::1 zone=3", 7),
            "udp src=::1 dst=::2 sport=1 dport=53 zone=3");
  EXPECT_EQ(Read("icmp src=192.0.2.1 dst=192.0.2.2 id=77"),
            "icmp src=192.0.2.1 dst=192.0.2.2 type=8 code=0 id=77 zone=0");
  EXPECT_EQ(Read("gre src=192.0.2.1 dst=192.0.2.2 dstkey=0x10"),
            "gre src=192.0.2.1 dst=192.0.2.2 srckey=0 dstkey=16 zone=0");
  EXPECT_EQ(Read("253 src=192.0.2.1 dst=192.0.2.2"), "253 src=192.0.2.1 dst=192.0.2.2 zone=0");
}

TEST(TupleTest, OfALineOfConntrackTheFirstTupleCounts) {
  EXPECT_EQ(Read("ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=192.0.2.2 sport=1 "
                 "dport=22 packets=3 bytes=120 src=192.0.2.2 dst=192.0.2.1 sport=22 dport=1 "
                 "packets=1 bytes=40 [ASSURED] mark=0 zone=5 use=1 id=4294967295"),
            "tcp src=192.0.2.1 dst=192.0.2.2 sport=1 dport=22 zone=5");
  EXPECT_EQ(Read("    [NEW] unknown  253 30 src=192.0.2.1 dst=192.0.2.2 [UNREPLIED] "
                 "src=192.0.2.2 dst=192.0.2.1"),
            "253 src=192.0.2.1 dst=192.0.2.2 zone=0");
}

TEST(TupleTest, ComplaintsNameWhatIsWrong) {
  EXPECT_EQ(Read("tcp src=192.0.2.1"), "a tuple needs protocol, source and destination");
  EXPECT_EQ(Read("tcp src=192.0.2.1 dst=192.0.2.2"), "a tuple needs both ports for this protocol");
  EXPECT_EQ(Read("icmp src=192.0.2.1 dst=192.0.2.2"), "a tuple needs an ICMP id for this protocol");
  EXPECT_EQ(Read("tcp src=192.0.2.1 dst=192.0.2.2 sport=65536 dport=1"),
            "sport \"65536\" is not a number of 0 to 65535");
  EXPECT_EQ(Read("tcp source=192.0.2.1"), "\"source=192.0.2.1\" is no part of a tuple");
  EXPECT_EQ(Read("[NEW]"), "a tuple needs a protocol");
  EXPECT_THAT(Read("tpc src=192.0.2.1 dst=192.0.2.2"), HasSubstr("protocol \"tpc\""));
}

}  // namespace
}  // namespace conntrack::cli
