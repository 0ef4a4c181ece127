#include "server/setting_text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace conntrack {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

absl::StatusOr<Duration> Span(const std::string& text) {
  return ParseDuration(text, milliseconds(1), hours(40 * 24));
}

TEST(SettingTextTest, DurationsHaveUnits) {
  EXPECT_EQ(*Span("100ms"), milliseconds(100));
  EXPECT_EQ(*Span("1h30m"), hours(1) + minutes(30));
  EXPECT_EQ(*Span("5d"), hours(120));
  EXPECT_EQ(*Span("1d12h"), hours(36));
  EXPECT_EQ(*Span("1.5s"), milliseconds(1500));
  EXPECT_EQ(*Span("40d"), hours(960));
}

TEST(SettingTextTest, ADurationOutsideItsRangeNamesBothEnds) {
  EXPECT_EQ(Span("0s").status().message(), "0s is not between 1ms and 40d");
  EXPECT_EQ(Span("40d1ms").status().message(), "40d1ms is not between 1ms and 40d");
  EXPECT_EQ(Span("-5s").status().message(), "-5s is not between 1ms and 40d");
  EXPECT_EQ(Span("inf").status().message(), "inf is not between 1ms and 40d");
}

TEST(SettingTextTest, WhatIsNoDurationIsNamed) {
  for (const std::string text : {"", "30", "d", "s", "5 d", "ten seconds", "1w", "99999999999d"}) {
    EXPECT_EQ(Span(text).status().message(),
              "\"" + text + "\" is not a duration such as 100ms, 30s, 1h30m or 5d");
  }
}

TEST(SettingTextTest, DurationsAreWrittenAsTheyAreRead) {
  for (const Duration duration :
       {Duration(milliseconds(1)), Duration(seconds(10)), Duration(hours(120)), Duration(hours(36)),
        Duration(hours(1) + seconds(1)), Duration(milliseconds(1500))}) {
    EXPECT_EQ(*Span(FormatDuration(duration)), duration) << FormatDuration(duration);
  }
  EXPECT_EQ(FormatDuration(hours(120)), "5d");
}

TEST(SettingTextTest, NumbersHaveARange) {
  EXPECT_EQ(*ParseNumber("1", 1, 10), 1u);
  EXPECT_EQ(*ParseNumber("10", 1, 10), 10u);
  EXPECT_EQ(ParseNumber("0", 1, 10).status().message(), "0 is not between 1 and 10");
  EXPECT_EQ(ParseNumber("11", 1, 10).status().message(), "11 is not between 1 and 10");
  EXPECT_EQ(ParseNumber("99999999999999999999", 1, 10).status().message(),
            "99999999999999999999 is not between 1 and 10");
  for (const std::string text : {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "one"}) {
    EXPECT_EQ(ParseNumber(text, 1, 10).status().message(),
              "\"" + text + "\" is not a whole number");
  }
}

TEST(SettingTextTest, SizesTakeUnits) {
  EXPECT_EQ(*ParseBytes("65536", 1, 1u << 30), 65536u);
  EXPECT_EQ(*ParseBytes("64KiB", 1, 1u << 30), 65536u);
  EXPECT_EQ(*ParseBytes("4MiB", 1, 1u << 30), 4u << 20);
  EXPECT_EQ(*ParseBytes("1GiB", 1, 1u << 30), 1u << 30);
  EXPECT_EQ(ParseBytes("2GiB", 1, 1u << 30).status().message(), "2GiB is not between 1 and 1GiB");
  EXPECT_EQ(ParseBytes("99999999999GiB", 1, UINT64_MAX).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseBytes("4MB", 1, 1u << 30).status().message(),
            "\"4MB\" is not a size such as 65536, 64KiB or 4MiB");
  EXPECT_EQ(FormatBytes(4u << 20), "4MiB");
  EXPECT_EQ(FormatBytes(1000), "1000");
}

TEST(SettingTextTest, ASeedIsAny64Bits) {
  EXPECT_EQ(*ParseSeed("0"), 0u);
  EXPECT_EQ(*ParseSeed("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(*ParseSeed("0xffffffffffffffff"), UINT64_MAX);
  EXPECT_EQ(*ParseSeed(FormatSeed(0x0123456789abcdef)), 0x0123456789abcdefu);
  EXPECT_FALSE(ParseSeed("0x").ok());
  EXPECT_FALSE(ParseSeed("18446744073709551616").ok());
  EXPECT_FALSE(ParseSeed("-1").ok());
}

TEST(SettingTextTest, ASwitchIsTrueOrFalse) {
  EXPECT_TRUE(*ParseSwitch("true"));
  EXPECT_FALSE(*ParseSwitch("false"));
  EXPECT_EQ(ParseSwitch("yes").status().message(), "\"yes\" is neither true nor false");
}

}  // namespace
}  // namespace conntrack
