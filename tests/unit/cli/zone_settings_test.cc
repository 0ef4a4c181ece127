#include "client/cli/zone_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conntrack::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ZoneSettingsTest, EveryKindOfValueIsSetAndMasked) {
  v1::UpdateZoneRequest request;
  for (const char* assignment :
       {"connections_max=1000", "tcp.established=1h", "tcp.loose=false",
        "tcp.max_retransmissions=5", "timeouts.udp=250ms", "checksum=true"}) {
    const absl::Status status = ApplySetting(assignment, &request);
    EXPECT_TRUE(status.ok()) << status;
  }
  const v1::ZoneSettings& settings = request.settings();
  EXPECT_EQ(settings.connections_max(), 1'000u);
  EXPECT_EQ(settings.tcp().established().seconds(), 3'600);
  EXPECT_FALSE(settings.tcp().loose());
  EXPECT_EQ(settings.tcp().max_retransmissions(), 5u);
  EXPECT_EQ(settings.timeouts().udp().nanos(), 250'000'000);
  EXPECT_TRUE(settings.checksum());
  EXPECT_THAT(request.update_mask().paths(),
              ElementsAre("connections_max", "tcp.established", "tcp.loose",
                          "tcp.max_retransmissions", "timeouts.udp", "checksum"));
}

TEST(ZoneSettingsTest, BadAssignmentsNameWhatIsWrong) {
  const std::pair<const char*, const char*> rows[] = {
      {"tcp.loose", "\"tcp.loose\" is not NAME=VALUE"},
      {"tcp.loose=yes", "tcp.loose \"yes\" is not true or false"},
      {"connections_max=many", "connections_max \"many\" is not a number"},
      {"connections_max=-1", "connections_max \"-1\" is not a number"},
      {"tcp.close=soon", "tcp.close \"soon\" is not a duration such as 10s, 1h30m, 5d or 250ms"},
      {"tcp=1", "tcp is a group; name a setting in it"},
  };
  for (const auto& [assignment, message] : rows) {
    v1::UpdateZoneRequest request;
    const absl::Status status = ApplySetting(assignment, &request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << assignment;
    EXPECT_EQ(status.message(), message);
    EXPECT_EQ(request.update_mask().paths_size(), 0);
  }
}

TEST(ZoneSettingsTest, AnUnknownSettingListsTheKnownOnes) {
  for (const char* assignment :
       {"tcp.foo=1", "foo=1", "=1", "tcp.close.seconds=1", "checksum.x=1", ".=1"}) {
    v1::UpdateZoneRequest request;
    const absl::Status status = ApplySetting(assignment, &request);
    EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("there is no setting \""))
        << assignment;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("tcp.syn_sent, "));
  }
}

TEST(ZoneSettingsTest, AllSettingsAreShown) {
  v1::ZoneSettings settings;
  settings.set_connections_max(7);
  settings.mutable_tcp()->mutable_established()->set_seconds(432'000);
  const auto texts = SettingTexts(settings);
  EXPECT_THAT(texts, Contains(Pair("connections_max", "7")));
  EXPECT_THAT(texts, Contains(Pair("tcp.established", "5d")));
  EXPECT_THAT(texts, Contains(Pair("tcp.loose", "false")));
  EXPECT_THAT(texts, Contains(Pair("timeouts.generic", "0s")));
  EXPECT_THAT(texts, Contains(Pair("sctp.closed", "0s")));
  EXPECT_EQ(texts.size(), 33u);
}

}  // namespace
}  // namespace conntrack::cli
