#include "client/sensor/pacing.h"

#include <gtest/gtest.h>

namespace conntrack::sensor {
namespace {

using std::chrono::milliseconds;

TEST(ParseSpeedTest, WordsAndFactorsAreKnown) {
  EXPECT_EQ(*ParseSpeed("max"), 0.0);
  EXPECT_EQ(*ParseSpeed("recorded"), 1.0);
  EXPECT_EQ(*ParseSpeed("10x"), 10.0);
  EXPECT_EQ(*ParseSpeed("0.5x"), 0.5);
}

TEST(ParseSpeedTest, EverythingElseIsRefused) {
  for (const char* text : {"", "x", "10", "-1x", "0x", "nanx", "infx", "1e9x", "10xx", "fast"}) {
    EXPECT_EQ(ParseSpeed(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(PacerTest, PacketsAreDueAtTheirDistanceFromTheFirst) {
  Pacer pacer(2.0);
  const Pacer::Clock::time_point start{};
  EXPECT_EQ(pacer.Due(1'000'000'000, start), start);
  EXPECT_EQ(pacer.Due(1'500'000'000, start + milliseconds(7)), start + milliseconds(250));
  EXPECT_EQ(pacer.Due(900'000'000, start + milliseconds(9)), start);
}

TEST(PacerTest, AgesApartDoesNotOverflow) {
  Pacer pacer(0.001);
  const Pacer::Clock::time_point start{};
  pacer.Due(0, start);
  EXPECT_GT(pacer.Due(uint64_t{1} << 62, start), start);
}

}  // namespace
}  // namespace conntrack::sensor
