// Random filters over random connections: the compiled predicate says what the
// naive evaluation says. CONNTRACK_TEST_PAIRS says of how many pairs (250,000).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/tracker/filter.h"
#include "tests/testing/naive_filter.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

// Places of `connections` that match: those of `in_use` asked for together, and
// the others together.
uint64_t MatchTogether(const Filter& filter, const std::vector<StoredConnection>& connections,
                       uint64_t in_use) {
  std::vector<Record> records;
  std::vector<Extra> extras;
  std::vector<AddressPair> addresses;
  std::vector<Labels> labels;
  for (const StoredConnection& connection : connections) {
    records.push_back(connection.record);
    extras.push_back(connection.extra);
    addresses.push_back(connection.addresses);
    labels.push_back(connection.labels);
  }
  const uint64_t all = (uint64_t{1} << connections.size()) - 1;
  const auto match = [&](uint64_t places) {
    const ConnectionBlock block{records.data(), extras.data(), addresses.data(), places,
                                labels.data()};
    const uint64_t found = filter.Match(block, [](const Record&) { return kNow; });
    EXPECT_EQ(found & ~places, 0u);
    return found;
  };
  return match(in_use & all) | match(~in_use & all);
}

TEST(FilterRandomTest, CompiledFiltersAgreeWithTheNaiveEvaluation) {
  const testing::NaiveContext context{256, {{"edge-0", 0}, {"edge-1", 1}, {"core.2", 2}}};
  FilterOptions options;
  options.slot_count = context.slot_count;
  options.sensor_index = [&](absl::string_view name) -> std::optional<uint16_t> {
    const auto found = context.sensors.find(std::string(name));
    if (found == context.sensors.end()) return std::nullopt;
    return found->second;
  };
  testing::Random random(testing::TestSeed());
  constexpr uint64_t kConnectionsPerFilter = 50;
  const uint64_t pairs = testing::TestCount("CONNTRACK_TEST_PAIRS", 250'000);
  uint64_t matches = 0;
  for (uint64_t i = 0; i < pairs; i += kConnectionsPerFilter) {
    std::vector<StoredConnection> connections;
    connections.reserve(kConnectionsPerFilter);
    for (uint64_t j = 0; j < kConnectionsPerFilter; ++j) {
      connections.push_back(testing::RandomConnection(kNow, &random));
    }
    const testing::NaiveFilter naive = testing::RandomFilter(
        1 + random.Below(24), connections.front().ref(), kNow, context, &random);
    const std::string text = naive.Print(&random, context);
    const absl::StatusOr<Filter> filter = Filter::Compile(text, options);
    // The limit of a filter, met by chance.
    if (filter.status().message().find("tests of community_id") != absl::string_view::npos)
      continue;
    ASSERT_TRUE(filter.ok()) << filter.status() << "\n" << text;
    const uint64_t matching = MatchTogether(*filter, connections, random.Next());
    for (size_t j = 0; j < connections.size(); ++j) {
      const StoredConnection& connection = connections[j];
      const bool expected = naive.Matches(connection.ref(), kNow, context);
      ASSERT_EQ(filter->Matches(connection.ref(), kNow), expected)
          << text << "\nconnection id " << connection.ref().id();
      ASSERT_EQ((matching >> j & 1) != 0, expected) << text << "\nplace " << j;
      matches += expected ? 1 : 0;
    }
  }
  // Both answers must be common for the comparison to mean something.
  EXPECT_GT(matches, pairs / 5);
  EXPECT_LT(matches, pairs * 4 / 5);
}

// Every prefix and every change of one byte of a filter is an answer, never a
// crash, and an error has a column within the text.
TEST(FilterRandomTest, DamagedFiltersAreAnsweredWithAPlace) {
  const testing::NaiveContext context{256, {{"edge-0", 0}}};
  FilterOptions options;
  options.sensor_index = [](absl::string_view) { return std::optional<uint16_t>(0); };
  options.slot_count = context.slot_count;
  testing::Random random(testing::TestSeed());
  const std::string damage = "()\"'\\,:*=<>!-. AONDRT09aes/\n\x80";
  for (int i = 0; i < 20'000; ++i) {
    const StoredConnection connection = testing::RandomConnection(kNow, &random);
    std::string text =
        testing::RandomFilter(6, connection.ref(), kNow, context, &random).Print(&random, context);
    if (random.OneIn(2)) {
      text.resize(random.Below(text.size() + 1));
    } else {
      text[random.Below(text.size())] = damage[random.Below(damage.size())];
    }
    const absl::StatusOr<Filter> filter = Filter::Compile(text, options);
    if (filter.ok()) {
      filter->Matches(connection.ref(), kNow);
      continue;
    }
    const std::string message(filter.status().message());
    ASSERT_EQ(message.rfind("filter column ", 0), 0u) << message;
    const int column = std::atoi(message.c_str() + sizeof("filter column ") - 1);
    ASSERT_GE(column, 1) << message;
    ASSERT_LE(static_cast<size_t>(column), text.size() + 1) << message;
  }
}

}  // namespace
}  // namespace conntrack
