#include "server/tracker/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "server/tracker/hash.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

struct HashOfKey {
  // Few different values in the bits that the table uses, if asked: long probes
  // and many equal tags.
  uint64_t mask = UINT64_MAX;
  size_t operator()(const Key& key) const { return TableHash(42, key) & mask; }
};

Key RandomKey(Family family, uint64_t ends, testing::Random* random) {
  const auto address = [&] {
    const uint64_t low = random->Below(ends);
    return family == Family::kIpv4 ? Ipv4Address(static_cast<uint32_t>(low)) : Address{low, ~low};
  };
  const auto zone = static_cast<ZoneIndex>(random->Below(2));
  return MakeKey(zone, family, kProtocolTcp, address(), address(), PortsWord(1, 2))->key;
}

// Inserts a record under a key that the table does not have; returns its index.
uint32_t InsertNew(Family family, Table* table, testing::Random* random) {
  const HashOfKey hash;
  Key key;
  do {
    key = RandomKey(family, 1'000'000, random);
  } while (table->Find(key, hash(key)) != Table::kNone);
  return table->Insert(key, hash(key), Record{});
}

struct TableCase {
  Family family;
  uint64_t hash_mask;
};
class TableTest : public ::testing::TestWithParam<TableCase> {};

// The table does what a map does, by the same keys in the same order.
TEST_P(TableTest, DoesWhatAMapDoes) {
  const HashOfKey hash{GetParam().hash_mask};
  Memory memory;
  Table table(GetParam().family, &memory);
  std::unordered_map<Key, uint32_t, HashOfKey> model;
  testing::Random random(testing::TestSeed());
  uint64_t next_id = 1;
  for (int step = 0; step < 150'000; ++step) {
    // Phases of growth and of shrinking, so that buckets double and halve.
    const bool growing = step / 10'000 % 2 == 0;
    const Key key = RandomKey(GetParam().family, 90, &random);
    const uint32_t index = table.Find(key, hash(key));
    const auto known = model.find(key);
    ASSERT_EQ(index == Table::kNone, known == model.end()) << "step " << step;
    if (known != model.end()) {
      ASSERT_EQ(index, known->second);
      ASSERT_EQ(table.ref(index).key(), key);
      ASSERT_TRUE(table.InUse(index));
    }
    if (known == model.end() && (growing || random.OneIn(8))) {
      const uint32_t place = table.Insert(key, hash(key), Record{});
      ASSERT_EQ(table.extra(place).id, 0u) << "a record starts clean";
      ASSERT_EQ(table.record(place).counters[0].packets, 0u);
      table.extra(place).id = next_id++;
      table.record(place).counters[0].packets = 9;
      model[key] = place;
    } else if (known != model.end() && (!growing || random.OneIn(8))) {
      table.Erase(index);
      ASSERT_FALSE(table.InUse(index));
      model.erase(known);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  size_t in_use = 0;
  for (uint32_t index = 0; index < table.index_end(); ++index) in_use += table.InUse(index);
  EXPECT_EQ(in_use, model.size());
  for (const auto& [key, index] : model) ASSERT_EQ(table.Find(key, hash(key)), index);
}

TEST_P(TableTest, GivesItsMemoryBack) {
  Memory memory;
  Table table(GetParam().family, &memory);
  const size_t empty_bytes = memory.bytes();
  std::vector<uint32_t> indexes;
  testing::Random random(testing::TestSeed());
  while (indexes.size() < 200'000) {
    indexes.push_back(InsertNew(GetParam().family, &table, &random));
  }
  const size_t full_bytes = memory.bytes();
  // Regions are whole: the last of each size of block is not full.
  EXPECT_LT((full_bytes - (4u << 20)) / indexes.size(),
            GetParam().family == Family::kIpv4 ? 180u : 212u);
  // Whole chunks fall empty, and buckets halve; no more is spare than is in use.
  std::sort(indexes.begin(), indexes.end());
  for (size_t i = 500; i < indexes.size(); ++i) table.Erase(indexes[i]);
  EXPECT_LT(memory.bytes(), full_bytes / 2);
  for (size_t i = 0; i < 500; ++i) table.Erase(indexes[i]);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(memory.bytes(), empty_bytes);
}

TEST_P(TableTest, LabelsLieBesideTheirChunkAndLeaveWithTheirConnection) {
  Memory memory;
  Table table(GetParam().family, &memory);
  testing::Random random(testing::TestSeed());
  std::vector<uint32_t> indexes;
  const auto insert = [&] { return InsertNew(GetParam().family, &table, &random); };
  while (indexes.size() < 4 * Table::kChunkRecords) indexes.push_back(insert());
  const size_t without = memory.bytes();
  for (const uint32_t index : indexes) table.SetLabels(index, {});
  EXPECT_EQ(memory.bytes(), without) << "no labels cost nothing";
  EXPECT_EQ(table.Block(0).labels, nullptr);
  // In the second chunk only.
  const uint32_t labelled = indexes[Table::kChunkRecords + 7];
  table.SetLabels(labelled, {1, 2});
  EXPECT_EQ(table.Block(0).labels, nullptr);
  EXPECT_EQ(table.ref(labelled).labels(), (Labels{1, 2}));
  EXPECT_EQ(table.Copy(labelled).ref().labels(), (Labels{1, 2}));
  const ConnectionBlock block = table.Block(Table::kChunkRecords);
  for (uint32_t place = 0; place < Table::kChunkRecords; ++place) {
    EXPECT_EQ(block.at(place).labels(), place == 7 ? (Labels{1, 2}) : Labels());
  }
  // The next connection in this place has none.
  table.Erase(labelled);
  EXPECT_EQ(insert(), labelled);
  EXPECT_EQ(table.ref(labelled).labels(), Labels());
  table.SetLabels(labelled, {0, 1});
  for (const uint32_t index : indexes) table.Erase(index);
  EXPECT_EQ(memory.bytes(), 0u);
}

// One out, one in, as when a full zone evicts: nothing may grow.
TEST_P(TableTest, TurnoverInAFullChunkCostsNoMemory) {
  Memory memory;
  Table table(GetParam().family, &memory);
  testing::Random random(testing::TestSeed());
  std::vector<uint32_t> indexes;
  const auto insert = [&] { return InsertNew(GetParam().family, &table, &random); };
  while (indexes.size() < 4 * Table::kChunkRecords) indexes.push_back(insert());
  const size_t full_bytes = memory.bytes() + table.memory_bytes();
  for (int i = 0; i < 20'000; ++i) {
    uint32_t& index = indexes[random.Below(indexes.size())];
    table.Erase(index);
    index = insert();
  }
  EXPECT_LE(memory.bytes() + table.memory_bytes(), full_bytes + 256);
}

TEST_P(TableTest, NeighboursAreInUseAndFewBucketsAreVisited) {
  const HashOfKey hash;
  Memory memory;
  Table table(GetParam().family, &memory);
  testing::Random random(testing::TestSeed());
  EXPECT_EQ(table.FindNear(7, 8, false, [](uint32_t) { return true; }), Table::kNone);
  std::vector<Key> keys;
  for (int i = 0; i < 5'000; ++i) {
    const Key key = RandomKey(GetParam().family, 1'000'000, &random);
    if (table.Find(key, hash(key)) != Table::kNone) continue;
    table.Insert(key, hash(key), Record{});
    keys.push_back(key);
  }
  size_t visited = 0;
  for (const bool assured : {false, true}) {
    const uint32_t none = table.FindNear(hash(keys[0]), 8, assured, [&](uint32_t index) {
      EXPECT_TRUE(table.InUse(index));
      ++visited;
      return false;
    });
    EXPECT_EQ(none, Table::kNone);
  }
  EXPECT_GT(visited, 0u);
  EXPECT_LE(visited, 8u * 12);
}

// Also after buckets doubled and halved, and for records that were assured when they
// came.
TEST_P(TableTest, NeighboursAreAssuredOrNot) {
  const HashOfKey hash{GetParam().hash_mask};
  Memory memory;
  Table table(GetParam().family, &memory);
  testing::Random random(testing::TestSeed());
  std::vector<uint32_t> indexes;
  size_t assured = 0;
  const auto expect = [&] {
    for (const bool wanted : {false, true}) {
      size_t visited = 0;
      table.FindNear(7, SIZE_MAX, wanted, [&](uint32_t index) {
        EXPECT_EQ(table.record(index).Has(status_bit::kAssured), wanted);
        ++visited;
        return false;
      });
      EXPECT_EQ(visited, wanted ? assured : indexes.size() - assured);
    }
  };
  while (indexes.size() < 2'000) {
    const Key key = RandomKey(GetParam().family, 1'000'000, &random);
    if (table.Find(key, hash(key)) != Table::kNone) continue;
    Record record;
    const bool from_start = random.OneIn(4);
    if (from_start) record.status |= status_bit::kAssured;
    indexes.push_back(table.Insert(key, hash(key), record));
    const bool later = !from_start && random.OneIn(3);
    if (later) table.SetAssured(indexes.back());
    assured += from_start || later;
  }
  expect();
  while (indexes.size() > 100) {
    assured -= table.record(indexes.back()).Has(status_bit::kAssured);
    table.Erase(indexes.back());
    indexes.pop_back();
  }
  expect();
}

INSTANTIATE_TEST_SUITE_P(
    Families, TableTest,
    ::testing::Values(TableCase{Family::kIpv4, UINT64_MAX}, TableCase{Family::kIpv6, UINT64_MAX},
                      TableCase{Family::kIpv4, 0xFF00'0007}, TableCase{Family::kIpv6, 0x0000'FFFF}),
    [](const auto& instance) {
      return std::string(instance.param.family == Family::kIpv4 ? "Ipv4" : "Ipv6") +
             (instance.param.hash_mask == UINT64_MAX ? "" : "WithCollisions");
    });

}  // namespace
}  // namespace conntrack
