#include "server/tracker/ordering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/testing/naive_filter.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);
constexpr uint32_t kSlots = 256;

// Pages of random sizes are the whole, sorted by the naive values of the field.
TEST(OrderingTest, PagesAreTheWholeSorted) {
  const testing::NaiveContext context{kSlots, {}};
  testing::Random random(testing::TestSeed());
  for (const std::string& field : testing::NaiveFieldNames()) {
    for (const bool descending : {false, true}) {
      const auto ordering = Ordering::Compile(field + (descending ? " desc" : ""), kSlots);
      if (!ordering.ok()) continue;
      std::vector<StoredConnection> connections;
      for (int i = 0; i < 300; ++i) {
        connections.push_back(testing::RandomConnection(kNow, &random));
        connections.back().extra.id = 1000 + static_cast<uint64_t>(i);
      }
      std::vector<uint64_t> listed;
      std::optional<OrderPlace> after;
      for (bool more = true; more;) {
        FirstInOrder first(*ordering, 1 + random.Below(50), after);
        for (const StoredConnection& connection : connections) first.Offer(connection.ref(), kNow);
        more = first.more();
        for (const FirstInOrder::Row& row : first.Take()) {
          listed.push_back(row.connection.extra.id);
          after = row.place;
        }
      }
      std::stable_sort(connections.begin(), connections.end(),
                       [&](const StoredConnection& a, const StoredConnection& b) {
                         const auto x = testing::NaiveValuesOf(field, a.ref(), kNow, context);
                         const auto y = testing::NaiveValuesOf(field, b.ref(), kNow, context);
                         if (x.empty() || y.empty()) return !x.empty() && y.empty();
                         return descending ? x[0].number > y[0].number : x[0].number < y[0].number;
                       });
      std::vector<uint64_t> expected;
      for (const StoredConnection& connection : connections)
        expected.push_back(connection.extra.id);
      EXPECT_EQ(listed, expected) << field;
    }
  }
}

TEST(OrderingTest, TimesAreOrdered) {
  StoredConnection older = {};
  older.extra.id = 2;
  older.extra.created = kNow;
  older.record.deadline = kNow + std::chrono::seconds(9);
  StoredConnection newer = {};
  newer.extra.id = 1;
  newer.extra.created = kNow + Duration(1);
  newer.record.deadline = kNow + std::chrono::seconds(9);
  newer.record.timeout_ms = 8'000;
  const auto before = [&](const char* text) {
    const Ordering ordering = *Ordering::Compile(text, kSlots);
    return ordering.PlaceOf(older.ref()) < ordering.PlaceOf(newer.ref());
  };
  EXPECT_TRUE(before("create_time"));
  EXPECT_FALSE(before("create_time desc"));
  // The older one was seen at its deadline.
  EXPECT_FALSE(before("last_seen_time"));
  EXPECT_TRUE(before("last_seen_time desc"));
  // Of the same time the one with the lower id.
  EXPECT_FALSE(before("expire_time"));
  EXPECT_FALSE(before("expire_time desc"));
}

}  // namespace
}  // namespace conntrack
