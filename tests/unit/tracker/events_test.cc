#include "server/tracker/events.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr uint64_t kSegmentBytes = sizeof(EventSegment);

// Appends an event of a connection with this id; returns its sequence.
uint64_t Append(uint64_t id, EventLog* log) {
  log->Append([&](uint64_t sequence) {
    Event event;
    event.sequence = sequence;
    event.connection.extra.id = id;
    return event;
  });
  return log->last_sequence();
}

TEST(EventsTest, SequencesAreDenseFromOne) {
  EventBudget budget(100 * kSegmentBytes);
  EventLog log(&budget);
  EXPECT_EQ(log.last_sequence(), 0u);
  EXPECT_EQ(log.first_retained(), 1u);
  EXPECT_EQ(log.Read(1).count, 0u);
  for (uint64_t i = 1; i <= 1'000; ++i) {
    EXPECT_EQ(Append(i * 7, &log), i);
    EXPECT_EQ(log.last_sequence(), i);
  }
  EXPECT_EQ(log.first_retained(), 1u);
}

TEST(EventsTest, ReadingOnReachesEveryEventOnce) {
  EventBudget budget(100 * kSegmentBytes);
  EventLog log(&budget);
  for (uint64_t i = 1; i <= 1'000; ++i) Append(i * 7, &log);
  for (const uint64_t start : {1u, 2u, 64u, 65u, 500u, 1'000u}) {
    uint64_t sequence = start;
    while (true) {
      const EventRange range = log.Read(sequence);
      if (range.count == 0) break;
      EXPECT_EQ(range.first, sequence);
      EXPECT_LE(range.count, EventSegment::kEvents);
      for (size_t i = 0; i < range.count; ++i) {
        EXPECT_EQ(range[i].sequence, sequence);
        EXPECT_EQ(range[i].connection.extra.id, sequence * 7);
        ++sequence;
      }
    }
    EXPECT_EQ(sequence, 1'001u);
  }
}

TEST(EventsTest, ASpentBudgetGivesUpTheOldestEvents) {
  EventBudget budget(4 * kSegmentBytes);
  EventLog log(&budget);
  for (uint64_t i = 1; i <= 10 * EventSegment::kEvents; ++i) {
    Append(i, &log);
    ASSERT_LE(budget.bytes(), 4 * kSegmentBytes);
  }
  EXPECT_EQ(log.first_retained(), 6 * EventSegment::kEvents + 1);
  const EventRange range = log.Read(log.first_retained());
  EXPECT_EQ(range[0].connection.extra.id, log.first_retained());
}

TEST(EventsTest, TheLatestEventIsKeptWhateverTheBudget) {
  EventBudget budget(0);
  EventLog log(&budget);
  for (uint64_t i = 1; i <= 300; ++i) {
    Append(i, &log);
    ASSERT_LE(log.first_retained(), i);
    const EventRange range = log.Read(i);
    ASSERT_EQ(range.count, 1u);
    ASSERT_EQ(range[0].sequence, i);
  }
  EXPECT_EQ(budget.bytes(), kSegmentBytes);
}

TEST(EventsTest, WhatAReaderHoldsStaysAndIsCounted) {
  EventBudget budget(2 * kSegmentBytes);
  EventLog log(&budget);
  for (uint64_t i = 1; i <= 10; ++i) Append(i, &log);
  EventRange held = log.Read(1);
  for (uint64_t i = 11; i <= 1'000; ++i) Append(i, &log);
  EXPECT_GT(log.first_retained(), 10u);
  ASSERT_EQ(held.count, 10u);
  EXPECT_EQ(held[9].connection.extra.id, 10u);
  const uint64_t with_reader = budget.bytes();
  held = {};
  EXPECT_EQ(budget.bytes(), with_reader - kSegmentBytes);
}

TEST(EventsTest, LogsShareOneBudget) {
  constexpr uint64_t kSegments = 16;
  EventBudget budget(kSegments * kSegmentBytes);
  std::vector<std::unique_ptr<EventLog>> logs(8);
  for (auto& log : logs) log = std::make_unique<EventLog>(&budget);
  testing::Random random(testing::TestSeed());
  std::vector<uint64_t> appended(logs.size(), 0);
  for (int i = 0; i < 50'000; ++i) {
    // Some logs are busier than others.
    const size_t log = random.Below(1 + random.Below(logs.size()));
    ASSERT_EQ(Append(1, logs[log].get()), ++appended[log]);
    // A log with nothing to give up may exceed by one segment.
    ASSERT_LE(budget.bytes(), (kSegments + logs.size()) * kSegmentBytes);
  }
  for (const auto& log : logs) {
    uint64_t sequence = log->first_retained();
    while (sequence <= log->last_sequence()) {
      const EventRange range = log->Read(sequence);
      ASSERT_GT(range.count, 0u);
      ASSERT_EQ(range[range.count - 1].sequence, sequence + range.count - 1);
      sequence += range.count;
    }
  }
  logs.clear();
  EXPECT_EQ(budget.bytes(), 0u);
}

TEST(EventsTest, ReadingBeforeWhatIsRetainedAborts) {
  EventBudget budget(0);
  EventLog log(&budget);
  for (uint64_t i = 1; i <= 100; ++i) Append(i, &log);
  EXPECT_DEATH(log.Read(1), "check failed");
}

}  // namespace
}  // namespace conntrack
