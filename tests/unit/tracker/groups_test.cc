#include "server/tracker/groups.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/tracker/filter.h"
#include "tests/testing/naive_filter.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);
constexpr uint32_t kSlots = 256;

std::string SensorId(uint16_t index) { return absl::StrCat("edge-", index); }

Grouping MakeGrouping(const std::vector<std::string>& fields) {
  absl::StatusOr<Grouping> grouping = Grouping::Compile(fields, kSlots);
  EXPECT_TRUE(grouping.ok()) << grouping.status();
  return *std::move(grouping);
}

void AddAll(const std::vector<StoredConnection>& connections, Groups* groups) {
  for (const StoredConnection& connection : connections) {
    groups->Note(connection.ref());
    groups->Settle();
  }
}

// The filter for the connections of a group: its values are as a filter takes
// them.
Filter FilterOf(const std::vector<std::string>& fields, const std::vector<std::string>& values) {
  std::vector<std::string> terms;
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string field = fields[i].substr(0, fields[i].find('/'));
    const bool is_address = absl::EndsWith(field, "source") || absl::EndsWith(field, "destination");
    if (values[i].empty()) {
      terms.push_back(absl::StrCat("NOT ", field, ":*"));
    } else if (is_address) {
      terms.push_back(absl::StrCat("ip_in(", field, ", \"", values[i], "\")"));
    } else {
      terms.push_back(absl::StrCat(field, " = ", values[i]));
    }
  }
  FilterOptions options;
  options.slot_count = kSlots;
  options.sensor_index = [](absl::string_view id) -> std::optional<uint16_t> {
    for (uint16_t index = 0; index < 8; ++index) {
      if (SensorId(index) == std::string(id)) return index;
    }
    return std::nullopt;
  };
  const std::string text = absl::StrJoin(terms, " AND ");
  absl::StatusOr<Filter> filter = Filter::Compile(text, options);
  EXPECT_TRUE(filter.ok()) << text << "\n" << filter.status();
  return *std::move(filter);
}

GroupSums SumsOf(const std::vector<StoredConnection>& connections, const Filter& filter) {
  GroupSums sums;
  for (const StoredConnection& stored : connections) {
    if (!filter.Matches(stored.ref(), kNow)) continue;
    for (const Counters& counters : stored.record.counters) {
      sums.Add({0, counters.packets, counters.bytes});
    }
    ++sums.connections;
  }
  return sums;
}

std::vector<std::string> RandomFields(testing::Random* random) {
  static const std::set<std::string> kNot = {"address", "port",   "age",    "idle",
                                             "expires", "status", "labels", "community_id"};
  std::set<std::string> names;
  const uint64_t count = 1 + random->Below(kGroupFieldsMax);
  while (names.size() < count) {
    const std::string& name = random->Pick(testing::NaiveFieldNames());
    if (kNot.count(name) == 0) names.insert(name);
  }
  std::vector<std::string> fields(names.begin(), names.end());
  for (std::string& field : fields) {
    if (!absl::EndsWith(field, "source") && !absl::EndsWith(field, "destination")) continue;
    if (random->OneIn(2)) absl::StrAppend(&field, "/", random->Below(129));
    if (random->OneIn(3)) {
      field = field.substr(0, field.find('/'));
      absl::StrAppend(&field, "/", random->Below(33), "/", random->Below(129));
    }
  }
  return fields;
}

// Every group holds exactly the connections that the filter of its values finds,
// and every connection is in one group.
TEST(GroupsTest, EveryGroupIsWhatTheFilterOfItsValuesFinds) {
  testing::Random random(testing::TestSeed());
  for (int round = 0; round < 300; ++round) {
    std::vector<StoredConnection> connections(120);
    for (auto& connection : connections) connection = testing::RandomConnection(kNow, &random);
    const std::vector<std::string> fields = RandomFields(&random);
    Groups groups(MakeGrouping(fields), 1000);
    AddAll(connections, &groups);
    const Groups::Largest largest = groups.Top(1000, GroupOrder::kConnections);
    EXPECT_FALSE(largest.exceeded);
    EXPECT_EQ(largest.other, GroupSums());
    uint64_t connections_in_groups = 0;
    for (const Groups::Group& group : largest.groups) {
      const std::vector<std::string> values = groups.grouping().Text(group.key, SensorId);
      ASSERT_EQ(group.sums, SumsOf(connections, FilterOf(fields, values)))
          << absl::StrJoin(fields, ",") << " = " << absl::StrJoin(values, ",");
      connections_in_groups += group.sums.connections;
    }
    ASSERT_EQ(connections_in_groups, connections.size()) << absl::StrJoin(fields, ",");
  }
}

// `count` connections from each of these sources, each with as many packets as
// its source says.
std::vector<StoredConnection> From(const std::map<uint32_t, size_t>& sources) {
  std::vector<StoredConnection> connections;
  for (const auto& [source, count] : sources) {
    for (size_t i = 0; i < count; ++i) {
      StoredConnection stored = {};
      stored.record.in_use = 1;
      stored.record.protocol = kProtocolUdp;
      stored.record.original_from_first = 1;
      stored.record.address = {source, 1};
      stored.record.counters[0] = {source, 10 * source};
      stored.record.counters[1] = {0, 1000 / source};
      connections.push_back(stored);
    }
  }
  return connections;
}

std::vector<std::string> Sources(const Groups& groups, const Groups::Largest& largest) {
  std::vector<std::string> sources;
  for (const Groups::Group& group : largest.groups) {
    sources.push_back(groups.grouping().Text(group.key, SensorId)[0]);
  }
  return sources;
}

TEST(GroupsTest, TheLargestComeFirstAndTheRestIsOneSum) {
  Groups groups(MakeGrouping({"original.source"}), 1000);
  AddAll(From({{1, 5}, {2, 3}, {3, 3}, {4, 1}}), &groups);
  const Groups::Largest by_connections = groups.Top(2, GroupOrder::kConnections);
  // Equal ones by their values.
  EXPECT_EQ(Sources(groups, by_connections), (std::vector<std::string>{"0.0.0.1", "0.0.0.2"}));
  EXPECT_EQ(by_connections.other.connections, 4u);
  EXPECT_EQ(by_connections.other.packets, 3u * 3 + 4);
  EXPECT_EQ(by_connections.other_groups, 2u);
  EXPECT_EQ(Sources(groups, groups.Top(2, GroupOrder::kPackets)),
            (std::vector<std::string>{"0.0.0.3", "0.0.0.2"}));
  EXPECT_EQ(Sources(groups, groups.Top(1, GroupOrder::kBytes)),
            (std::vector<std::string>{"0.0.0.1"}));
  EXPECT_EQ(groups.Top(0, GroupOrder::kBytes).other.connections, 12u);
}

TEST(GroupsTest, GroupsBeyondTheLimitAreSummedAndSaidToBe) {
  Groups groups(MakeGrouping({"original.source"}), 2);
  AddAll(From({{1, 2}, {2, 1}, {3, 7}, {4, 1}}), &groups);
  const Groups::Largest largest = groups.Top(10, GroupOrder::kConnections);
  EXPECT_EQ(Sources(groups, largest), (std::vector<std::string>{"0.0.0.1", "0.0.0.2"}));
  EXPECT_EQ(largest.groups[0].sums.connections, 2u);
  EXPECT_TRUE(largest.exceeded);
  EXPECT_EQ(largest.other.connections, 8u);
  EXPECT_EQ(largest.other_groups, 0u);
}

TEST(GroupingTest, WhatCannotBeGroupedByIsNamed) {
  const auto message = [](const std::vector<std::string>& fields) {
    return std::string(Grouping::Compile(fields, kSlots).status().message());
  };
  EXPECT_EQ(message({"colour"}), "group_by \"colour\" is not a field of the filter language");
  EXPECT_EQ(message({""}), "group_by \"\" is not a field of the filter language");
  EXPECT_EQ(message({"zone", "zone"}), "group_by \"zone\" stands twice");
  EXPECT_EQ(message({"original.source/8", "original.source/16"}),
            "group_by \"original.source/16\" stands twice");
  EXPECT_EQ(message({"zone/8"}),
            "group_by \"zone/8\" has a prefix length, which only addresses have");
  EXPECT_EQ(message({"original.source/"}),
            "group_by \"original.source/\" has a prefix length that is not 0 to 128");
  EXPECT_EQ(message({"original.source/129"}),
            "group_by \"original.source/129\" has a prefix length that is not 0 to 128");
  EXPECT_EQ(message({"original.source/33/64"}),
            "group_by \"original.source/33/64\" has prefix lengths that are not 0 to 32 and 0 to "
            "128");
  EXPECT_EQ(message({"original.source/8/8/8"}),
            "group_by \"original.source/8/8/8\" has more than two prefix lengths");
  EXPECT_EQ(message({"status"}), "group_by \"status\" holds several values");
  EXPECT_EQ(message({"zone", "id", "mark", "slot", "family"}),
            "group_by has 5 fields, more than 4");
}

}  // namespace
}  // namespace conntrack
