#include "client/sensor/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conntrack::sensor {
namespace {

using ::testing::HasSubstr;

Ledger MakeLedger() {
  Ledger ledger;
  ledger.read_packets = 100;
  ledger.decoded_packets = 80;
  ledger.discarded[static_cast<size_t>(Discard::kNotIp)] = 10;
  ledger.discarded[static_cast<size_t>(Discard::kIpv4Checksum)] = 4;
  ledger.absorbed_fragments = 5;
  ledger.held_fragments = 1;
  ledger.open_packets = 2;
  ledger.kernel_dropped_packets = 7;
  return ledger;
}

client::IngestCounts MakeCounts() {
  client::IngestCounts counts;
  counts.sent_packets = 78;
  counts.acknowledged_packets = 70;
  counts.rejected_packets = 3;
  counts.dropped_packets = 4;
  counts.pending_packets = 1;
  return counts;
}

TEST(LedgerTest, BooksThatBalanceHaveNothingToSay) {
  EXPECT_EQ(MakeLedger().Check(MakeCounts()), "");
}

TEST(LedgerTest, EachEquationIsChecked) {
  Ledger lost = MakeLedger();
  ++lost.read_packets;
  EXPECT_THAT(lost.Check(MakeCounts()), HasSubstr("read 101 is not decoded 80 + discarded 14"));
  Ledger unsent = MakeLedger();
  --unsent.open_packets;
  EXPECT_THAT(unsent.Check(MakeCounts()), HasSubstr("decoded 80 is not sent 78 + open 1"));
  client::IngestCounts counts = MakeCounts();
  --counts.acknowledged_packets;
  EXPECT_THAT(MakeLedger().Check(counts), HasSubstr("sent 78 is not acknowledged 69"));
}

TEST(LedgerTest, ServerIsToldWhatItCannotKnow) {
  const v1::SensorCounts counts = MakeLedger().ToSensorCounts(MakeCounts());
  EXPECT_EQ(counts.captured_packets(), 107u);
  EXPECT_EQ(counts.filtered_packets(), 19u);
  EXPECT_EQ(counts.kernel_dropped_packets(), 7u);
  EXPECT_EQ(counts.buffer_dropped_packets(), 4u);
}

}  // namespace
}  // namespace conntrack::sensor
