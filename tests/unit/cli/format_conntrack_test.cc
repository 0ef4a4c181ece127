// The expected lines were printed by conntrack-tools 1.4.7 on Linux 6.1, for
// traffic between two network namespaces.
#include "client/cli/format_conntrack.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace conntrack::cli {
namespace {

v1::Connection Parse(const std::string& text) {
  v1::Connection connection;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &connection));
  return connection;
}

struct Golden {
  const char* name;
  const char* connection;
  const char* line;
};

const Golden kGoldens[] = {
    {"TcpTimeWaitIpv4", R"(
       protocol: PROTOCOL_TCP tcp { state: TCP_STATE_TIME_WAIT } timeout { seconds: 114 }
       original { source_address: "10.77.0.1" destination_address: "10.77.0.2" ports { source: 56088 destination: 8080 } }
       reply { source_address: "10.77.0.2" destination_address: "10.77.0.1" ports { source: 8080 destination: 56088 } }
       original_counters { packets: 17 bytes: 971 } reply_counters { packets: 19 bytes: 301200 }
       seen_reply: true assured: true)",
     "tcp      6 114 TIME_WAIT src=10.77.0.1 dst=10.77.0.2 sport=56088 dport=8080 packets=17 "
     "bytes=971 src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=56088 packets=19 bytes=301200 "
     "[ASSURED] mark=0 use=1"},
    {"TcpSynSentUnreplied", R"(
       protocol: PROTOCOL_TCP tcp { state: TCP_STATE_SYN_SENT } timeout { seconds: 114 nanos: 999999999 }
       original { source_address: "10.77.0.1" destination_address: "10.77.0.99" ports { source: 49248 destination: 81 } }
       reply { source_address: "10.77.0.99" destination_address: "10.77.0.1" ports { source: 81 destination: 49248 } }
       original_counters { packets: 1 bytes: 60 })",
     "tcp      6 114 SYN_SENT src=10.77.0.1 dst=10.77.0.99 sport=49248 dport=81 packets=1 bytes=60 "
     "[UNREPLIED] src=10.77.0.99 dst=10.77.0.1 sport=81 dport=49248 packets=0 bytes=0 mark=0 "
     "use=1"},
    {"TcpIpv6", R"(
       protocol: PROTOCOL_TCP tcp { state: TCP_STATE_TIME_WAIT } timeout { seconds: 114 }
       original { source_address: "fd77::1" destination_address: "fd77::2" ports { source: 33214 destination: 8081 } }
       reply { source_address: "fd77::2" destination_address: "fd77::1" ports { source: 8081 destination: 33214 } }
       original_counters { packets: 18 bytes: 1383 } reply_counters { packets: 17 bytes: 301436 }
       seen_reply: true assured: true)",
     "tcp      6 114 TIME_WAIT src=fd77::1 dst=fd77::2 sport=33214 dport=8081 packets=18 "
     "bytes=1383 "
     "src=fd77::2 dst=fd77::1 sport=8081 dport=33214 packets=17 bytes=301436 [ASSURED] mark=0 "
     "use=1"},
    {"UdpReplied", R"(
       protocol: PROTOCOL_UDP timeout { seconds: 26 }
       original { source_address: "10.77.0.1" destination_address: "10.77.0.2" ports { source: 36959 destination: 53 } }
       reply { source_address: "10.77.0.2" destination_address: "10.77.0.1" ports { source: 53 destination: 36959 } }
       original_counters { packets: 1 bytes: 33 } reply_counters { packets: 1 bytes: 33 }
       seen_reply: true)",
     "udp      17 26 src=10.77.0.1 dst=10.77.0.2 sport=36959 dport=53 packets=1 bytes=33 "
     "src=10.77.0.2 dst=10.77.0.1 sport=53 dport=36959 packets=1 bytes=33 mark=0 use=1"},
    {"Icmp", R"(
       protocol: PROTOCOL_ICMP timeout { seconds: 25 }
       original { source_address: "10.77.0.1" destination_address: "10.77.0.2" icmp { type: 8 id: 23325 } }
       reply { source_address: "10.77.0.2" destination_address: "10.77.0.1" icmp { type: 0 id: 23325 } }
       original_counters { packets: 2 bytes: 168 } reply_counters { packets: 2 bytes: 168 }
       seen_reply: true)",
     "icmp     1 25 src=10.77.0.1 dst=10.77.0.2 type=8 code=0 id=23325 packets=2 bytes=168 "
     "src=10.77.0.2 dst=10.77.0.1 type=0 code=0 id=23325 packets=2 bytes=168 mark=0 use=1"},
    {"Icmpv6", R"(
       protocol: PROTOCOL_ICMPV6 timeout { seconds: 26 }
       original { source_address: "fd77::1" destination_address: "fd77::2" icmp { type: 128 id: 23326 } }
       reply { source_address: "fd77::2" destination_address: "fd77::1" icmp { type: 129 id: 23326 } }
       original_counters { packets: 2 bytes: 208 } reply_counters { packets: 2 bytes: 208 }
       seen_reply: true)",
     "icmpv6   58 26 src=fd77::1 dst=fd77::2 type=128 code=0 id=23326 packets=2 bytes=208 "
     "src=fd77::2 dst=fd77::1 type=129 code=0 id=23326 packets=2 bytes=208 mark=0 use=1"},
    {"GenericByNumber", R"(
       protocol: PROTOCOL_ESP timeout { seconds: 599 }
       original { source_address: "10.77.0.1" destination_address: "10.77.0.2" }
       reply { source_address: "10.77.0.2" destination_address: "10.77.0.1" }
       original_counters { packets: 1 bytes: 40 })",
     "unknown  50 599 src=10.77.0.1 dst=10.77.0.2 packets=1 bytes=40 [UNREPLIED] src=10.77.0.2 "
     "dst=10.77.0.1 packets=0 bytes=0 mark=0 use=1"},
    {"GenericIpv6", R"(
       protocol: 253 timeout { seconds: 599 }
       original { source_address: "fd77::1" destination_address: "fd77::2" }
       reply { source_address: "fd77::2" destination_address: "fd77::1" }
       original_counters { packets: 1 bytes: 60 })",
     "unknown  253 599 src=fd77::1 dst=fd77::2 packets=1 bytes=60 [UNREPLIED] src=fd77::2 "
     "dst=fd77::1 packets=0 bytes=0 mark=0 use=1"},
    {"Gre", R"(
       protocol: PROTOCOL_GRE timeout { seconds: 29 }
       original { source_address: "10.77.0.1" destination_address: "10.77.0.2" gre {} }
       reply { source_address: "10.77.0.2" destination_address: "10.77.0.1" gre {} }
       original_counters { packets: 1 bytes: 44 })",
     "gre      47 29 src=10.77.0.1 dst=10.77.0.2 srckey=0x0 dstkey=0x0 packets=1 bytes=44 "
     "[UNREPLIED] src=10.77.0.2 dst=10.77.0.1 srckey=0x0 dstkey=0x0 packets=0 bytes=0 mark=0 "
     "use=1"},
    {"Udplite", R"(
       protocol: PROTOCOL_UDPLITE timeout { seconds: 29 }
       original { source_address: "10.77.0.1" destination_address: "10.77.0.2" ports { source: 4660 destination: 80 } }
       reply { source_address: "10.77.0.2" destination_address: "10.77.0.1" ports { source: 80 destination: 4660 } }
       original_counters { packets: 1 bytes: 48 })",
     "udplite  136 29 src=10.77.0.1 dst=10.77.0.2 sport=4660 dport=80 packets=1 bytes=48 "
     "[UNREPLIED] src=10.77.0.2 dst=10.77.0.1 sport=80 dport=4660 packets=0 bytes=0 mark=0 use=1"},
    {"MarkAndZone", R"(
       protocol: PROTOCOL_ICMP timeout { seconds: 29 } mark: 7 zone: 5
       original { source_address: "10.77.0.1" destination_address: "10.77.0.2" icmp { type: 8 id: 28462 } }
       reply { source_address: "10.77.0.2" destination_address: "10.77.0.1" icmp { type: 0 id: 28462 } }
       original_counters { packets: 1 bytes: 84 } reply_counters { packets: 1 bytes: 84 }
       seen_reply: true)",
     "icmp     1 29 src=10.77.0.1 dst=10.77.0.2 type=8 code=0 id=28462 packets=1 bytes=84 "
     "src=10.77.0.2 dst=10.77.0.1 type=0 code=0 id=28462 packets=1 bytes=84 mark=7 zone=5 use=1"},
};

class ConntrackLineTest : public ::testing::TestWithParam<Golden> {};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

TEST_P(ConntrackLineTest, IsWhatConntrackPrints) {
  EXPECT_EQ(ConntrackLine(Parse(GetParam().connection), false), GetParam().line);
}

INSTANTIATE_TEST_SUITE_P(Goldens, ConntrackLineTest, ::testing::ValuesIn(kGoldens),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ConntrackLineTest, ExtendedNamesTheFamily) {
  EXPECT_EQ(ConntrackLine(Parse(kGoldens[0].connection), true),
            std::string("ipv4     2 ") + kGoldens[0].line);
  EXPECT_EQ(ConntrackLine(Parse(kGoldens[2].connection), true),
            std::string("ipv6     10 ") + kGoldens[2].line);
}

v1::Event EventOf(v1::EventType type, v1::Connection connection) {
  v1::Event event;
  event.set_type(type);
  *event.mutable_connection() = std::move(connection);
  return event;
}

v1::Connection Tcp(v1::TcpState state, int64_t timeout_seconds) {
  v1::Connection connection = Parse(kGoldens[0].connection);
  connection.mutable_tcp()->set_state(state);
  connection.mutable_timeout()->set_seconds(timeout_seconds);
  return connection;
}

TEST(ConntrackEventLineTest, NewHasNoCountersAndNoMark) {
  v1::Connection connection = Tcp(v1::TCP_STATE_SYN_SENT, 120);
  connection.set_seen_reply(false);
  connection.set_assured(false);
  EXPECT_EQ(ConntrackEventLine(EventOf(v1::EVENT_TYPE_NEW, connection), false),
            "    [NEW] tcp      6 120 SYN_SENT src=10.77.0.1 dst=10.77.0.2 sport=56088 dport=8080 "
            "[UNREPLIED] src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=56088");
}

TEST(ConntrackEventLineTest, UpdateIsAlignedWithNew) {
  EXPECT_EQ(ConntrackEventLine(
                EventOf(v1::EVENT_TYPE_UPDATE, Tcp(v1::TCP_STATE_ESTABLISHED, 432'000)), false),
            " [UPDATE] tcp      6 432000 ESTABLISHED src=10.77.0.1 dst=10.77.0.2 sport=56088 "
            "dport=8080 src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=56088 [ASSURED]");
}

TEST(ConntrackEventLineTest, DestroyByTimeHasCountersAndNoTimeout) {
  v1::Connection connection = Parse(kGoldens[3].connection);
  connection.clear_timeout();
  EXPECT_EQ(ConntrackEventLine(EventOf(v1::EVENT_TYPE_DESTROY, connection), false),
            "[DESTROY] udp      17 src=10.77.0.1 dst=10.77.0.2 sport=36959 dport=53 packets=1 "
            "bytes=33 src=10.77.0.2 dst=10.77.0.1 sport=53 dport=36959 packets=1 bytes=33");
}

TEST(ConntrackEventLineTest, DestroyBeforeItsTimeKeepsTheTimeout) {
  v1::Connection connection = Parse(kGoldens[0].connection);
  connection.mutable_tcp()->set_state(v1::TCP_STATE_CLOSE);
  connection.mutable_timeout()->set_seconds(120);
  connection.set_assured(false);
  connection.set_seen_reply(false);
  EXPECT_EQ(ConntrackEventLine(EventOf(v1::EVENT_TYPE_DESTROY, connection), false),
            "[DESTROY] tcp      6 120 CLOSE src=10.77.0.1 dst=10.77.0.2 sport=56088 dport=8080 "
            "packets=17 bytes=971 [UNREPLIED] src=10.77.0.2 dst=10.77.0.1 sport=8080 dport=56088 "
            "packets=19 bytes=301200");
}

TEST(ConntrackEventLineTest, MarkAndZoneAreShownWhenSet) {
  EXPECT_EQ(
      ConntrackEventLine(EventOf(v1::EVENT_TYPE_UPDATE, Parse(kGoldens[10].connection)), true),
      " [UPDATE] ipv4     2 icmp     1 29 src=10.77.0.1 dst=10.77.0.2 type=8 code=0 id=28462 "
      "src=10.77.0.2 dst=10.77.0.1 type=0 code=0 id=28462 mark=7 zone=5");
}

}  // namespace
}  // namespace conntrack::cli
