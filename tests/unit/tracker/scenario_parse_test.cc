#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  return std::string(ParseScenario(text).status().message());
}

TEST(ScenarioParseTest, PacketLineIsReadBackAsWritten) {
  PacketSpec spec;
  spec.time = std::chrono::milliseconds(1250);
  spec.source = Role::kServer;
  spec.destination = Role::kClient;
  spec.tcp_flags = tcp_flag::kSyn | tcp_flag::kAck | tcp_flag::kEce;
  spec.sequence = 4'294'967'295;
  spec.acknowledgment = 7;
  spec.window = 1000;
  spec.payload_length = 20;
  spec.connection = 3;
  AppendSackPermitted(&spec.tcp_options);
  AppendTimestamps(99, &spec.tcp_options);
  AppendSack(std::vector<SackBlock>{{1, 2}, {3, 4}}, &spec.tcp_options);
  const Fields expected = {{"verdict", "invalid"}, {"state", "syn_sent"}, {"timeout", "119"}};
  const auto cases = ParseScenario(FormatStep(spec, expected));
  ASSERT_TRUE(cases.ok()) << cases.status().ToString();
  ASSERT_EQ(cases->front().steps.size(), 1u);
  EXPECT_EQ(cases->front().steps[0].spec, spec);
  EXPECT_EQ(cases->front().steps[0].expected, expected);
}

TEST(ScenarioParseTest, IcmpErrorIsReadBackAsWritten) {
  PacketSpec spec;
  spec.protocol = kProtocolIcmp;
  spec.source = Role::kRouter;
  spec.destination = Role::kClient;
  spec.icmp_type = 3;
  spec.icmp_code = 1;
  spec.bad_checksum = true;
  spec.quote =
      QuoteSpec{.protocol = kProtocolUdp, .connection = 2, .transport_bytes = 4, .fragment = true};
  const auto cases = ParseScenario(FormatStep(spec, {}));
  ASSERT_TRUE(cases.ok()) << cases.status().ToString();
  EXPECT_EQ(cases->front().steps[0].spec, spec);
}

TEST(ScenarioParseTest, SettingsAreReadBackAsWritten) {
  ZoneSettings settings;
  settings.tcp.loose = false;
  settings.tcp.timeout[static_cast<size_t>(TcpState::kEstablished)] = std::chrono::hours(2);
  settings.connections_max = 7;
  settings.udp = std::chrono::milliseconds(1500);
  const auto cases = ParseScenario(FormatHeader(Family::kIpv6, settings));
  ASSERT_TRUE(cases.ok()) << cases.status().ToString();
  EXPECT_EQ(cases->front().settings, settings);
  EXPECT_EQ(cases->front().family, Family::kIpv6);
}

TEST(ScenarioParseTest, ErrorNamesLineAndWord) {
  EXPECT_THAT(ErrorOf("# comment\n0.0 > S seq=x"), HasSubstr("line 2: does not understand seq=x"));
  EXPECT_THAT(ErrorOf("0.0 > Z"), HasSubstr("does not understand Z"));
  EXPECT_THAT(ErrorOf("0.0 east S"), HasSubstr("does not understand east"));
  EXPECT_THAT(ErrorOf("config tcp_close=fast"),
              HasSubstr("\"tcp_close=fast\": tcp_close takes a duration"));
  EXPECT_THAT(ErrorOf("config speed=9"),
              HasSubstr("\"speed=9\" names no setting; there are tcp_syn_sent, "));
  EXPECT_THAT(ErrorOf("config tcp_loose=2"), HasSubstr("tcp_loose takes 0 or 1"));
  EXPECT_THAT(ErrorOf("config tcp_max_retrans=256"), HasSubstr("takes a number from 0 to 255"));
}

TEST(ScenarioParseTest, TimeThatGoesBackIsRefused) {
  EXPECT_THAT(ErrorOf("1.0 > S seq=1\n0.5 > S seq=1"), HasSubstr("line 2: time 0.5 goes back"));
}

TEST(ScenarioRunTest, UnmetExpectationIsTold) {
  const auto cases = ParseScenario("0.0 > S seq=1 win=1 : established syn_sent timeout=7");
  ASSERT_TRUE(cases.ok());
  const auto problems = RunScenario(cases->front());
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0], HasSubstr("line 1: verdict is new, expected established. "
                                     "timeout is 120, expected 7."));
}

}  // namespace
}  // namespace conntrack
