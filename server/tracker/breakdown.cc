#include "server/tracker/breakdown.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "server/tracker/check.h"

namespace conntrack {

GroupKey Breakdown::KeyOf(const ConnectionRef& connection) const {
  GroupKey key{};
  options_.grouping.ReadKey(connection, key.data());
  return key;
}

size_t Breakdown::ShardOf(const GroupKey& key) {
  // The map takes other bits of the same hash.
  return absl::HashOf(key) >> 32 & (kShards - 1);
}

bool Breakdown::Add(const ConnectionRef& connection) {
  const GroupKey key = KeyOf(connection);
  Shard& shard = shards_[ShardOf(key)];
  const MutexLock lock(&shard.mutex);
  const auto found = shard.groups.find(key);
  if (found != shard.groups.end()) {
    ++found->second;
    return true;
  }
  if (groups_.fetch_add(1, std::memory_order_relaxed) >= options_.groups_max) {
    groups_.fetch_sub(1, std::memory_order_relaxed);
    ungrouped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  shard.groups.emplace(key, 1);
  return true;
}

void Breakdown::Remove(const ConnectionRef& connection, bool grouped) {
  if (!grouped) {
    ungrouped_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  const GroupKey key = KeyOf(connection);
  Shard& shard = shards_[ShardOf(key)];
  const MutexLock lock(&shard.mutex);
  const auto found = shard.groups.find(key);
  CT_CHECK(found != shard.groups.end());
  if (--found->second > 0) return;
  shard.groups.erase(found);
  groups_.fetch_sub(1, std::memory_order_relaxed);
}

Breakdown::Largest Breakdown::Top(size_t count) const {
  Largest largest;
  std::vector<Group>& groups = largest.groups;
  for (const Shard& shard : shards_) {
    const MutexLock lock(&shard.mutex);
    for (const auto& [key, connections] : shard.groups) groups.push_back({key, connections});
  }
  // Not how many were met: some came and went between two shards.
  largest.groups_kept = std::min(groups_.load(std::memory_order_relaxed), options_.groups_max);
  largest.other = ungrouped_.load(std::memory_order_relaxed);
  const size_t shown = std::min(count, groups.size());
  std::partial_sort(groups.begin(), groups.begin() + static_cast<ptrdiff_t>(shown), groups.end(),
                    [](const Group& a, const Group& b) {
                      if (a.connections != b.connections) return a.connections > b.connections;
                      return a.key < b.key;
                    });
  for (size_t i = shown; i < groups.size(); ++i) largest.other += groups[i].connections;
  groups.resize(shown);
  return largest;
}

Breakdowns::Breakdowns(std::span<const BreakdownOptions> options) {
  CT_CHECK(options.size() <= kMax);
  for (const BreakdownOptions& one : options) {
    breakdowns_.push_back(std::make_unique<Breakdown>(one));
  }
}

uint8_t Breakdowns::Add(const ConnectionRef& connection) {
  uint8_t grouped = 0;
  for (size_t i = 0; i < breakdowns_.size(); ++i) {
    if (breakdowns_[i]->Add(connection)) grouped |= static_cast<uint8_t>(1u << i);
  }
  return grouped;
}

void Breakdowns::Remove(const ConnectionRef& connection, uint8_t grouped) {
  for (size_t i = 0; i < breakdowns_.size(); ++i) {
    breakdowns_[i]->Remove(connection, (grouped >> i & 1) != 0);
  }
}

}  // namespace conntrack
