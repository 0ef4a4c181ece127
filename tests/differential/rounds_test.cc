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

TEST(RoundsTest, TwentyThousandPacketsMeetPausesAndEverySwitch) {
  for (const Traffic traffic : {Traffic::kTcp, Traffic::kSctp}) {
    Random random(7);
    uint32_t number = 0;
    RoundSequence rounds(traffic, FixedSettings(), &number, &random);
    std::map<std::string, std::set<int64_t>> values;
    bool paused = false;
    for (size_t packets = 0; packets < 20'000;) {
      const Round round = rounds.Next();
      for (const Conversation& conversation : round.conversations) {
        packets += conversation.packets.size();
        paused |= conversation.packets.back().time > Duration(0);
      }
      for (const SettingName& setting : SettingNames()) {
        if (!setting.is_duration) values[setting.name].insert(setting.get(round.settings));
      }
    }
    EXPECT_TRUE(paused) << NameOf(traffic);
    for (const char* name :
         {"tcp_loose", "tcp_be_liberal", "tcp_ignore_invalid_rst", "tcp_max_retrans", "checksum"}) {
      EXPECT_GE(values[name].size(), 2u) << name << ", " << NameOf(traffic);
    }
  }
}

TEST(RoundsTest, RoundsWithPausesShrinkToAFloor) {
  Random random(1);
  uint32_t number = 0;
  RoundSequence rounds(Traffic::kTcp, FixedSettings(), &number, &random);
  for (int i = 0; i < 10; ++i) rounds.Shorten();
  EXPECT_EQ(rounds.Next().conversations.size(), 20u);
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
