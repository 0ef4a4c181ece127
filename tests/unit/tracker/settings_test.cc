#include "server/tracker/settings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace conntrack {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(SettingsTest, DefaultsAreValidAndThoseOfLinux) {
  const ZoneSettings settings;
  EXPECT_TRUE(settings.Validate().ok());
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kSynSent), seconds(120));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kSynRecv), seconds(60));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kEstablished), seconds(432'000));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kFinWait), seconds(120));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kCloseWait), seconds(60));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kLastAck), seconds(30));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kTimeWait), seconds(120));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kClose), seconds(10));
  EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kSynSent2), seconds(120));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kClosed), seconds(10));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kCookieWait), seconds(3));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kCookieEchoed), seconds(3));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kEstablished), seconds(210));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kShutdownSent), seconds(3));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kShutdownRecd), seconds(3));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kShutdownAckSent), seconds(3));
  EXPECT_EQ(settings.sctp.TimeoutOf(SctpState::kHeartbeatSent), seconds(30));
  EXPECT_EQ(settings.gre, seconds(30));
  EXPECT_EQ(settings.gre_stream, seconds(180));
}

TEST(SettingsTest, EveryTimeoutHasBothLimits) {
  struct Row {
    std::string name;
    Duration* timeout;
  };
  ZoneSettings settings;
  std::vector<Row> rows = {
      {"tcp.max_retransmission_timeout", &settings.tcp.max_retransmission_timeout},
      {"tcp.unacknowledged", &settings.tcp.unacknowledged},
      {"timeouts.udp", &settings.udp},
      {"timeouts.udp_stream", &settings.udp_stream},
      {"timeouts.icmp", &settings.icmp},
      {"timeouts.icmpv6", &settings.icmpv6},
      {"timeouts.generic", &settings.generic},
      {"timeouts.gre", &settings.gre},
      {"timeouts.gre_stream", &settings.gre_stream}};
  const std::vector<std::string> states = {"syn_sent",  "syn_recv",   "established",
                                           "fin_wait",  "close_wait", "last_ack",
                                           "time_wait", "close",      "syn_sent2"};
  for (size_t i = 0; i < states.size(); ++i) {
    rows.push_back({"tcp." + states[i], &settings.tcp.timeout[i + 1]});
  }
  const std::vector<std::string> sctp_states = {
      "closed",        "cookie_wait",   "cookie_echoed",     "established",
      "shutdown_sent", "shutdown_recd", "shutdown_ack_sent", "heartbeat_sent"};
  for (size_t i = 0; i < sctp_states.size(); ++i) {
    rows.push_back({"sctp." + sctp_states[i], &settings.sctp.timeout[i + 1]});
  }
  for (const Row& row : rows) {
    const Duration before = *row.timeout;
    for (const Duration good : {Duration(milliseconds(1)), Duration(hours(960))}) {
      *row.timeout = good;
      EXPECT_TRUE(settings.Validate().ok()) << row.name;
    }
    for (const Duration bad : {Duration(milliseconds(1)) - Duration(1), Duration(0), Duration(-1),
                               Duration(hours(960)) + Duration(1), Duration::max()}) {
      *row.timeout = bad;
      const absl::Status status = settings.Validate();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.name;
      EXPECT_EQ(std::string(status.message()).rfind(row.name + " ", 0), 0u) << status;
    }
    *row.timeout = before;
  }
  EXPECT_EQ(settings, ZoneSettings());
}

TEST(SettingsTest, AnErrorNamesTheValue) {
  ZoneSettings settings;
  settings.udp = seconds(0);
  EXPECT_EQ(settings.Validate().message(), "timeouts.udp 0s is not between 0.001s and 3456000s");
}

TEST(SettingsTest, TheConnectionLimitHasLimits) {
  ZoneSettings settings;
  for (const uint64_t good : {uint64_t{1}, uint64_t{1} << 30}) {
    settings.connections_max = good;
    EXPECT_TRUE(settings.Validate().ok());
  }
  settings.connections_max = 0;
  EXPECT_EQ(settings.Validate().message(), "connections_max 0 is not between 1 and 1073741824");
  settings.connections_max = (uint64_t{1} << 30) + 1;
  EXPECT_FALSE(settings.Validate().ok());
}

}  // namespace
}  // namespace conntrack
