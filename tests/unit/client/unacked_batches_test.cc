#include "client/cpp/unacked_batches.h"

#include <gtest/gtest.h>

#include <random>

namespace conntrack::client {
namespace {

v1::PacketBatch BatchOf(int packets) {
  v1::PacketBatch batch;
  for (int i = 0; i < packets; ++i) batch.add_kind(6);
  return batch;
}

v1::Ack AckOf(uint64_t applied, std::vector<uint64_t> rejected = {}) {
  v1::Ack ack;
  ack.set_applied_sequence(applied);
  for (uint64_t sequence : rejected) {
    auto* row = ack.add_rejected();
    row->set_sequence(sequence);
    row->set_reason(v1::BATCH_REJECTION_VALUE);
    row->set_detail("bit 7 of shape[0] is 1");
  }
  return ack;
}

std::vector<uint64_t> WriteAll(UnackedBatches* batches) {
  std::vector<uint64_t> sequences;
  while (const auto request = batches->TakeUnwritten()) {
    sequences.push_back(request->batch().sequence());
  }
  return sequences;
}

void ExpectSum(const UnackedBatches& batches) {
  const IngestCounts& counts = batches.counts();
  EXPECT_EQ(counts.sent_batches, counts.acknowledged_batches + counts.rejected_batches +
                                     counts.dropped_batches + counts.pending_batches);
  EXPECT_EQ(counts.sent_packets, counts.acknowledged_packets + counts.rejected_packets +
                                     counts.dropped_packets + counts.pending_packets);
}

TEST(UnackedBatchesTest, SequencesBeginAtOneAndAreDense) {
  UnackedBatches batches(1'000);
  for (int i = 0; i < 3; ++i) batches.Add(BatchOf(2), 10);
  EXPECT_EQ(WriteAll(&batches), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(batches.counts().sent_packets, 6u);
  EXPECT_EQ(batches.counts().pending_packets, 6u);
}

TEST(UnackedBatchesTest, RoomIsWhatTheMostLeaves) {
  UnackedBatches batches(100);
  EXPECT_TRUE(batches.HasRoomFor(100));
  EXPECT_FALSE(batches.HasRoomFor(101));
  batches.Add(BatchOf(1), 60);
  EXPECT_TRUE(batches.HasRoomFor(40));
  EXPECT_FALSE(batches.HasRoomFor(41));
  WriteAll(&batches);
  ASSERT_TRUE(batches.Acknowledge(AckOf(1)).ok());
  EXPECT_TRUE(batches.HasRoomFor(100));
}

TEST(UnackedBatchesTest, RewindCountsWhatTheServerHasAndWritesTheRestAgain) {
  UnackedBatches batches(1'000);
  for (int i = 0; i < 5; ++i) batches.Add(BatchOf(1), 10);
  WriteAll(&batches);
  ASSERT_TRUE(batches.Acknowledge(AckOf(2)).ok());
  ASSERT_TRUE(batches.Rewind(3).ok());
  EXPECT_EQ(batches.first_sequence(), 4u);
  EXPECT_EQ(batches.counts().acknowledged_batches, 3u);
  EXPECT_EQ(WriteAll(&batches), (std::vector<uint64_t>{4, 5}));
  EXPECT_EQ(batches.counts().resent_batches, 2u);
}

TEST(UnackedBatchesTest, BatchesNeverWrittenAreNotResent) {
  UnackedBatches batches(1'000);
  batches.Add(BatchOf(1), 10);
  ASSERT_TRUE(batches.Rewind(0).ok());
  WriteAll(&batches);
  EXPECT_EQ(batches.counts().resent_batches, 0u);
}

TEST(UnackedBatchesTest, RejectedBatchesCountApartAndKeepTheirReason) {
  UnackedBatches batches(1'000);
  for (int i = 1; i <= 3; ++i) batches.Add(BatchOf(i), 10);
  WriteAll(&batches);
  ASSERT_TRUE(batches.Acknowledge(AckOf(3, {2})).ok());
  EXPECT_EQ(batches.counts().acknowledged_packets, 4u);
  EXPECT_EQ(batches.counts().rejected_packets, 2u);
  ASSERT_EQ(batches.rejections().size(), 1u);
  EXPECT_EQ(batches.rejections()[0].sequence, 2u);
  EXPECT_EQ(batches.rejections()[0].packets, 2u);
  EXPECT_EQ(batches.rejections()[0].reason, "BATCH_REJECTION_VALUE: bit 7 of shape[0] is 1");
  ExpectSum(batches);
}

TEST(UnackedBatchesTest, ARepeatedRejectionCountsOnce) {
  UnackedBatches batches(1'000);
  batches.Add(BatchOf(1), 10);
  batches.Add(BatchOf(1), 10);
  WriteAll(&batches);
  ASSERT_TRUE(batches.Acknowledge(AckOf(1, {1, 1})).ok());
  ASSERT_TRUE(batches.Acknowledge(AckOf(2, {1})).ok());
  EXPECT_EQ(batches.counts().rejected_batches, 1u);
  EXPECT_EQ(batches.rejections().size(), 1u);
}

TEST(UnackedBatchesTest, TheLatestHundredRejectionsAreKept) {
  UnackedBatches batches(1'000'000);
  for (int i = 0; i < 150; ++i) batches.Add(BatchOf(1), 10);
  WriteAll(&batches);
  for (uint64_t i = 1; i <= 150; ++i) ASSERT_TRUE(batches.Acknowledge(AckOf(i, {i})).ok());
  ASSERT_EQ(batches.rejections().size(), 100u);
  EXPECT_EQ(batches.rejections().front().sequence, 51u);
  EXPECT_EQ(batches.rejections().back().sequence, 150u);
  EXPECT_EQ(batches.counts().rejected_batches, 150u);
}

TEST(UnackedBatchesTest, AnAckOfWhatWasNotWrittenIsInternal) {
  UnackedBatches batches(1'000);
  for (int i = 0; i < 3; ++i) batches.Add(BatchOf(1), 10);
  batches.TakeUnwritten();
  const absl::Status status = batches.Acknowledge(AckOf(2));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(),
            "the server acknowledged sequence 2, but only those before 2 were sent");
  EXPECT_EQ(batches.counts().pending_batches, 3u);
}

TEST(UnackedBatchesTest, AWelcomeOutsideTheSessionIsInternal) {
  UnackedBatches batches(1'000);
  for (int i = 0; i < 3; ++i) batches.Add(BatchOf(1), 10);
  EXPECT_EQ(batches.Rewind(4).code(), absl::StatusCode::kInternal);
  WriteAll(&batches);
  ASSERT_TRUE(batches.Acknowledge(AckOf(2)).ok());
  EXPECT_EQ(batches.Rewind(1).code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(batches.Rewind(2).ok());
}

TEST(UnackedBatchesTest, DroppedBatchesTakeNoSequence) {
  UnackedBatches batches(1'000);
  batches.Add(BatchOf(1), 10);
  batches.Drop(7);
  batches.Add(BatchOf(1), 10);
  EXPECT_EQ(WriteAll(&batches), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(batches.counts().dropped_packets, 7u);
  EXPECT_EQ(batches.counts().sent_packets, 9u);
  ExpectSum(batches);
}

TEST(UnackedBatchesTest, TheCountsAddUpAfterEveryStepOfARandomSession) {
  constexpr uint32_t kSeed = 20'250'101;
  std::mt19937 random(kSeed);
  UnackedBatches batches(200);
  uint64_t applied = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 5) {
      case 0:
        if (batches.HasRoomFor(10))
          batches.Add(BatchOf(static_cast<int>(random() % 5)), 10);
        else
          batches.Drop(random() % 5);
        break;
      case 1:
        batches.TakeUnwritten();
        break;
      case 2: {
        const uint64_t written = batches.unwritten_sequence() - 1;
        if (written < applied) break;
        applied += random() % (written - applied + 1);
        ASSERT_TRUE(batches.Acknowledge(AckOf(applied, {applied})).ok()) << "step " << step;
        break;
      }
      case 3:  // A stream ends; the server had applied more than it acknowledged.
        applied += random() % (batches.next_sequence() - applied);
        ASSERT_TRUE(batches.Rewind(applied).ok()) << "step " << step;
        break;
      default:  // A restarted server knows nothing.
        ASSERT_TRUE(batches.Rewind(batches.first_sequence() - 1).ok()) << "step " << step;
        break;
    }
    ExpectSum(batches);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << kSeed << " step " << step;
    ASSERT_EQ(batches.first_sequence(), applied + 1);
  }
}

}  // namespace
}  // namespace conntrack::client
