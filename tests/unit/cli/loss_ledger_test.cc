#include "client/cli/loss_ledger.h"

#include <gtest/gtest.h>

namespace conntrack::cli {
namespace {

v1::Sensor SensorWith(uint64_t captured) {
  v1::Sensor sensor;
  sensor.set_connected(true);
  sensor.set_applied_packets(100);
  sensor.set_earlier_packets(20);
  sensor.set_rejected_packets(3);
  sensor.set_duplicate_packets(1'000);
  sensor.mutable_counts()->set_filtered_packets(4);
  sensor.mutable_counts()->set_kernel_dropped_packets(5);
  sensor.mutable_counts()->set_buffer_dropped_packets(6);
  sensor.mutable_counts()->set_captured_packets(captured);
  return sensor;
}

TEST(LossLedgerTest, AddsUpWhenEveryPacketIsAccountedFor) {
  EXPECT_EQ(LedgerBalance(SensorWith(138)), 0);
  EXPECT_EQ(LedgerText(SensorWith(138)), "adds up");
}

TEST(LossLedgerTest, MoreCapturedIsPendingWhileConnectedAndMissingAfterwards) {
  v1::Sensor sensor = SensorWith(148);
  EXPECT_EQ(LedgerText(sensor), "10 pending");
  sensor.set_connected(false);
  EXPECT_EQ(LedgerText(sensor), "10 missing");
}

TEST(LossLedgerTest, LessCapturedMeansThatTheCountsAreOld) {
  EXPECT_EQ(LedgerBalance(SensorWith(130)), -8);
  EXPECT_EQ(LedgerText(SensorWith(130)), "counts are 8 packets old");
}

TEST(LossLedgerTest, ASensorWithoutHeartbeatsHasNoCounts) {
  v1::Sensor sensor;
  EXPECT_EQ(LedgerText(sensor), "adds up");
  sensor.set_applied_packets(3);
  EXPECT_EQ(LedgerText(sensor), "no counts");
}

}  // namespace
}  // namespace conntrack::cli
