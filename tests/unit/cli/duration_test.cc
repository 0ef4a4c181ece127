#include "client/cli/duration.h"

#include <gtest/gtest.h>

namespace conntrack::cli {
namespace {

using std::chrono::milliseconds;

TEST(DurationTest, TextsAreRead) {
  EXPECT_EQ(*ParseDuration("10s"), milliseconds(10'000));
  EXPECT_EQ(*ParseDuration("10"), milliseconds(10'000));
  EXPECT_EQ(*ParseDuration("0"), milliseconds(0));
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*ParseDuration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(*ParseDuration("5d"), milliseconds(432'000'000));
  EXPECT_EQ(*ParseDuration("1d1h1m1s1ms"), milliseconds(90'061'001));
  EXPECT_EQ(*ParseDuration("3650d"), milliseconds(315'360'000'000));
}

TEST(DurationTest, OtherTextsAreRefused) {
  for (const char* text : {"", "s", "1x", "-1s", "1.5s", "1s1h", "1s1s", "10s 5", "1m30", " 1s"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(DurationTest, AboveTenYearsIsRefusedWithoutOverflow) {
  for (const char* text : {"3651d", "3650d1ms", "99999999999999999999999d"}) {
    EXPECT_EQ(ParseDuration(text).status().message(),
              std::string("duration ") + text + " is above 10 years");
  }
}

TEST(DurationTest, TheTwoLargestUnitsAreShown) {
  EXPECT_EQ(DurationText(milliseconds(0)), "0s");
  EXPECT_EQ(DurationText(milliseconds(250)), "250ms");
  EXPECT_EQ(DurationText(milliseconds(119'999)), "1m59s");
  EXPECT_EQ(DurationText(milliseconds(431'999'000)), "4d23h");
  EXPECT_EQ(DurationText(milliseconds(432'000'000)), "5d");
  EXPECT_EQ(DurationText(milliseconds(86'400'000 + 5'000)), "1d");
  EXPECT_EQ(DurationText(milliseconds(-1'500)), "-1s500ms");
}

TEST(DurationTest, TimesAreUtcWithMilliseconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(1'767'323'045);
  time.set_nanos(678'999'999);
  EXPECT_EQ(TimeText(time), "2026-01-02T03:04:05.678Z");
}

}  // namespace
}  // namespace conntrack::cli
