#include "server/tracker/expiry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "tests/testing/random.h"

namespace conntrack {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kStart = TimeFromUnixNanos(1'700'000'000'000'000'000);

// Records as a slot keeps them: a deadline that packets write, and the place
// for `arming`. Freed records are used again, the last one first.
class TestRecords : public Expiry::Records {
 public:
  Arming* Armed(RecordHandle handle) override {
    return rows_[handle].in_use ? &rows_[handle].arming : nullptr;
  }
  Time Deadline(RecordHandle handle) const override { return rows_[handle].deadline; }

  RecordHandle Add(Time deadline) {
    if (free_.empty()) {
      free_.push_back(static_cast<RecordHandle>(rows_.size()));
      rows_.emplace_back();
    }
    const RecordHandle handle = free_.back();
    free_.pop_back();
    rows_[handle] = {true, deadline, {}};
    return handle;
  }
  void Free(RecordHandle handle) {
    rows_[handle].in_use = false;
    free_.push_back(handle);
  }
  void SetDeadline(RecordHandle handle, Time deadline) { rows_[handle].deadline = deadline; }
  bool in_use(RecordHandle handle) const { return rows_[handle].in_use; }
  size_t size() const { return rows_.size(); }

 private:
  struct Row {
    bool in_use = false;
    Time deadline;
    Arming arming;
  };
  std::vector<Row> rows_;
  std::vector<RecordHandle> free_;
};

std::optional<RecordHandle> Pop(Expiry* expiry, TestRecords* records, Time now) {
  RecordHandle handle = 0;
  if (!expiry->PopDue(now, records, &handle)) return std::nullopt;
  return handle;
}

TEST(ExpiryTest, ARecordIsFoundAtItsDeadlineAndNotBefore) {
  for (const Duration timeout :
       {Duration(1), Duration(milliseconds(1)), Duration(milliseconds(66)), Duration(seconds(4)),
        Duration(seconds(30)), Duration(hours(120)), Duration(hours(960))}) {
    Expiry expiry;
    TestRecords records;
    const Time deadline = kStart + timeout;
    const RecordHandle handle = records.Add(deadline);
    expiry.Arm(handle, deadline, kStart, records.Armed(handle));
    EXPECT_LE(expiry.next(), deadline);
    EXPECT_EQ(Pop(&expiry, &records, kStart), std::nullopt);
    EXPECT_EQ(Pop(&expiry, &records, deadline - Duration(1)), std::nullopt);
    EXPECT_EQ(Pop(&expiry, &records, deadline), handle);
    EXPECT_EQ(*records.Armed(handle), Arming());
    EXPECT_TRUE(expiry.empty());
    EXPECT_EQ(expiry.next(), kForever);
  }
}

TEST(ExpiryTest, ADeadlineThatMovedLaterIsFoundThere) {
  Expiry expiry;
  TestRecords records;
  const RecordHandle handle = records.Add(kStart + seconds(30));
  expiry.Arm(handle, kStart + seconds(30), kStart, records.Armed(handle));
  records.SetDeadline(handle, kStart + seconds(50));
  EXPECT_EQ(Pop(&expiry, &records, kStart + seconds(49)), std::nullopt);
  EXPECT_EQ(Pop(&expiry, &records, kStart + seconds(50)), handle);
}

TEST(ExpiryTest, ADeadlineThatMovedEarlierIsFoundThereAndOnlyOnce) {
  Expiry expiry;
  TestRecords records;
  const RecordHandle handle = records.Add(kStart + hours(120));
  expiry.Arm(handle, kStart + hours(120), kStart, records.Armed(handle));
  records.SetDeadline(handle, kStart + seconds(10));
  expiry.Arm(handle, kStart + seconds(10), kStart, records.Armed(handle));
  EXPECT_EQ(Pop(&expiry, &records, kStart + seconds(9)), std::nullopt);
  EXPECT_EQ(Pop(&expiry, &records, kStart + seconds(11)), handle);
  records.Free(handle);
  EXPECT_EQ(Pop(&expiry, &records, kStart + hours(200)), std::nullopt);
  EXPECT_TRUE(expiry.empty());
}

// A deadline that goes back and forth, as that of a TCP connection whose data is
// acknowledged and sent in turn, is armed early enough already.
TEST(ExpiryTest, ADeadlineThatGoesBackAndForthIsOneEntry) {
  Expiry expiry;
  TestRecords records;
  const RecordHandle handle = records.Add(kStart + seconds(120));
  expiry.Arm(handle, kStart + seconds(120), kStart, records.Armed(handle));
  for (int i = 0; i < 1'000; ++i) {
    const Time now = kStart + milliseconds(i);
    const Time deadline = now + (i % 2 == 0 ? Duration(hours(120)) : Duration(seconds(300)));
    records.SetDeadline(handle, deadline);
    expiry.Arm(handle, deadline, now, records.Armed(handle));
  }
  EXPECT_EQ(expiry.entries(), 1u);
}

// Within a bucket that has come, and behind the record's deadline.
TEST(ExpiryTest, ADeadlineThatMovesBackAndForthWithinABucketIsFound) {
  for (const milliseconds last : {milliseconds(1), milliseconds(5), milliseconds(30)}) {
    Expiry expiry;
    TestRecords records;
    const RecordHandle handle = records.Add(kStart + milliseconds(10));
    for (const milliseconds timeout : {milliseconds(10), milliseconds(3), milliseconds(20), last}) {
      records.SetDeadline(handle, kStart + timeout);
      expiry.Arm(handle, kStart + timeout, kStart, records.Armed(handle));
    }
    EXPECT_EQ(Pop(&expiry, &records, kStart + last - Duration(1)), std::nullopt);
    EXPECT_EQ(Pop(&expiry, &records, kStart + last), handle);
    records.Free(handle);
    EXPECT_EQ(Pop(&expiry, &records, kStart + hours(1)), std::nullopt);
    EXPECT_TRUE(expiry.empty());
  }
}

// What is armed, by deadline and by record.
class Model {
 public:
  void Learn(RecordHandle handle, Time deadline) {
    by_deadline_.emplace(deadline, handle);
    deadlines_[handle] = deadline;
  }
  void Forget(RecordHandle handle) {
    const auto [begin, end] = by_deadline_.equal_range(deadlines_.at(handle));
    by_deadline_.erase(
        std::find_if(begin, end, [&](const auto& entry) { return entry.second == handle; }));
    deadlines_.erase(handle);
  }
  size_t size() const { return deadlines_.size(); }
  Time deadline(RecordHandle handle) const { return deadlines_.at(handle); }
  // kForever when nothing is armed.
  Time earliest() const { return by_deadline_.empty() ? kForever : by_deadline_.begin()->first; }
  // REQUIRES: size() > 0.
  RecordHandle AnyOf(testing::Random* random) const {
    auto chosen = deadlines_.lower_bound(static_cast<RecordHandle>(random->Below(300)));
    return chosen == deadlines_.end() ? deadlines_.begin()->first : chosen->first;
  }

 private:
  std::multimap<Time, RecordHandle> by_deadline_;
  std::map<RecordHandle, Time> deadlines_;
};

// Beside a multimap: random arrivals, deadlines that move both ways, removals,
// and jumps of the clock from nothing to days.
TEST(ExpiryTest, RecordsComeOutInTheOrderOfTheirDeadlines) {
  testing::Random random(testing::TestSeed());
  for (int round = 0; round < 30; ++round) {
    Expiry expiry;
    TestRecords records;
    Model model;
    Time now = kStart + Duration(random.Below(1'000'000'000));
    const std::vector<Duration> scales = {milliseconds(50), seconds(2), seconds(40), seconds(600),
                                          hours(120)};
    for (int step = 0; step < 4'000; ++step) {
      const Time deadline =
          now + Duration(random.Below(static_cast<uint64_t>(random.Pick(scales).count())) + 1);
      if (model.size() < 300 && !random.OneIn(3)) {
        const RecordHandle handle = records.Add(deadline);
        model.Learn(handle, deadline);
        expiry.Arm(handle, deadline, now, records.Armed(handle));
      } else if (model.size() > 0) {
        const RecordHandle handle = model.AnyOf(&random);
        const Time before = model.deadline(handle);
        model.Forget(handle);
        if (random.OneIn(4)) {
          records.Free(handle);
        } else {
          records.SetDeadline(handle, deadline);
          model.Learn(handle, deadline);
          // A later deadline is only written.
          if (deadline < before) expiry.Arm(handle, deadline, now, records.Armed(handle));
        }
      }
      if (random.OneIn(50)) expiry.DropStale(&records);
      if (!random.OneIn(4)) continue;
      now += Duration(random.Below(static_cast<uint64_t>(random.Pick(scales).count())));
      ASSERT_LE(expiry.next(), model.earliest());
      // Sometimes not all that is due, as under a limit.
      const size_t limit = random.OneIn(3) ? random.Below(5) : SIZE_MAX;
      for (size_t i = 0; i < limit; ++i) {
        const std::optional<RecordHandle> handle = Pop(&expiry, &records, now);
        const bool due = model.earliest() <= now;
        ASSERT_EQ(handle.has_value(), due) << "round " << round << " step " << step;
        if (!due) break;
        ASSERT_TRUE(records.in_use(*handle));
        ASSERT_EQ(model.deadline(*handle), model.earliest());
        model.Forget(*handle);
        records.Free(*handle);
      }
    }
    now += hours(1'000);
    while (const std::optional<RecordHandle> handle = Pop(&expiry, &records, now)) {
      ASSERT_EQ(model.deadline(*handle), model.earliest());
      model.Forget(*handle);
      records.Free(*handle);
    }
    EXPECT_EQ(model.size(), 0u);
    EXPECT_TRUE(expiry.empty());
  }
}

TEST(ExpiryTest, StaleEntriesFarAheadAreDropped) {
  Expiry expiry;
  TestRecords records;
  std::vector<RecordHandle> handles;
  for (int i = 0; i < 1'000; ++i) {
    handles.push_back(records.Add(kStart + hours(120)));
    expiry.Arm(handles.back(), kStart + hours(120), kStart, records.Armed(handles.back()));
  }
  EXPECT_EQ(expiry.entries(), 1'000u);
  expiry.DropStale(&records);
  EXPECT_EQ(expiry.entries(), 1'000u);
  for (size_t i = 0; i < 300; ++i) records.Free(handles[i]);
  for (size_t i = 300; i < 500; ++i) {
    records.SetDeadline(handles[i], kStart + seconds(10));
    expiry.Arm(handles[i], kStart + seconds(10), kStart, records.Armed(handles[i]));
  }
  EXPECT_EQ(expiry.entries(), 1'200u);
  expiry.DropStale(&records);
  EXPECT_EQ(expiry.entries(), 700u);
}

// A record that is freed and used again under the same far bucket leaves an
// entry each time, and all of them name it truly.
TEST(ExpiryTest, OneRecordIsOneEntryHoweverOftenItWasUsed) {
  Expiry expiry;
  TestRecords records;
  RecordHandle handle = 0;
  for (int i = 0; i < 1'000; ++i) {
    if (i > 0) records.Free(handle);
    handle = records.Add(kStart + hours(120));
    expiry.Arm(handle, kStart + hours(120), kStart, records.Armed(handle));
  }
  EXPECT_EQ(records.size(), 1u);
  expiry.DropStale(&records);
  EXPECT_EQ(expiry.entries(), 1u);
  EXPECT_EQ(Pop(&expiry, &records, kStart + hours(120)), handle);
  EXPECT_TRUE(expiry.empty());
}

}  // namespace
}  // namespace conntrack
