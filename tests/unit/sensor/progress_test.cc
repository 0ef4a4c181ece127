#include "client/sensor/progress.h"

#include <gtest/gtest.h>

namespace conntrack::sensor {
namespace {

using std::chrono::seconds;

TEST(ProgressTest, FileShowsItsShareItsRateAndTheTimeLeft) {
  EXPECT_EQ(Progress::Line({1'000, 900, 0, 250'000, 1'000'000}, seconds(2), 4'500),
            " 25% of 1.00 MB  1000 packets  4.5 kpackets/s  900 acknowledged  6 s left");
}

TEST(ProgressTest, PipeShowsItsBytes) {
  EXPECT_EQ(Progress::Line({10, 10, 0, 2'000, 0}, seconds(1), 10),
            "2.0 kB  10 packets  10 packets/s  10 acknowledged");
}

TEST(ProgressTest, InterfaceShowsItsDrops) {
  EXPECT_EQ(Progress::Line({10, 3, 5, 0, 0}, seconds(1), 2'500'000),
            "10 packets  2.50 Mpackets/s  3 acknowledged  5 DROPPED");
}

TEST(ProgressTest, FileThatGrewHasNoTimeLeft) {
  EXPECT_EQ(Progress::Line({1, 1, 0, 300, 200}, seconds(1), 1),
            "150% of 200 B  1 packets  1 packets/s  1 acknowledged");
}

}  // namespace
}  // namespace conntrack::sensor
