#include "tests/differential/rounds.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

Round RoundOf(uint32_t index, const FixedSettings& fixed, Random* random) {
  uint32_t number = 0;
  return MakeRound({.traffic = Traffic::kUdp,
                    .index = index,
                    .expiring = true,
                    .conversations = 1,
                    .fixed = fixed},
                   &number, random);
}

TEST(RoundsTest, AFewRoundsHaveEverySwitchOnAndOff) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    std::map<std::string, std::set<int64_t>> values;
    for (uint32_t index = 0; index < 15; ++index) {
      const Round round = RoundOf(index, {}, &random);
      for (const SettingName& setting : SettingNames()) {
        if (!setting.is_duration) values[setting.name].insert(setting.get(round.settings));
      }
    }
    for (const char* name :
         {"tcp_loose", "tcp_be_liberal", "tcp_ignore_invalid_rst", "tcp_max_retrans", "checksum"}) {
      EXPECT_GE(values[name].size(), 2u) << name << ", seed " << seed;
    }
  }
}

TEST(RoundsTest, WhatIsFixedIsSoInEveryRound) {
  FixedSettings fixed;
  ASSERT_TRUE(fixed.Add("tcp_loose=0").ok());
  ASSERT_TRUE(fixed.Add("tcp_close=7s").ok());
  Random random(1);
  for (uint32_t index = 0; index < 30; ++index) {
    const ZoneSettings settings = RoundOf(index, fixed, &random).settings;
    EXPECT_FALSE(settings.tcp.loose);
    EXPECT_EQ(settings.tcp.TimeoutOf(TcpState::kClose), std::chrono::seconds(7));
  }
}

}  // namespace
}  // namespace conntrack
