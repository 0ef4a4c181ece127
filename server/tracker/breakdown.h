// Breakdown counts the connections that are open now by the values of a
// Grouping, as they come and go: what a scrape shows without walking a table.
//
// The number of values is bounded. A connection whose values find no place is
// counted as one of the others, to its end: the sum is always exact.
//
// Thread-safe. Add and Remove cost a hash and one short lock; meant to be called
// under a slot's lock, which comes first. A group of values takes some 150 bytes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/tracker/connection.h"
#include "server/tracker/grouping.h"
#include "server/tracker/mutex.h"

namespace conntrack {

struct BreakdownOptions {
  // Part of the metric's name: [a-z][a-z0-9_]*, at most 32.
  std::string name;
  // Of fields that a connection keeps for life, see Grouping::CheckFixed.
  Grouping grouping;
  // Most groups that are counted apart.
  size_t groups_max = 65'536;
};

class Breakdown {
 public:
  explicit Breakdown(const BreakdownOptions& options) : options_(options) {}
  Breakdown(const Breakdown&) = delete;
  Breakdown& operator=(const Breakdown&) = delete;

  const BreakdownOptions& options() const { return options_; }

  // Counts a connection. False when it is one of the others; Remove must know.
  bool Add(const ConnectionRef& connection);
  void Remove(const ConnectionRef& connection, bool grouped);

  struct Group {
    GroupKey key;
    uint64_t connections;
  };
  struct Largest {
    // The largest, the largest first, equal ones by their values.
    std::vector<Group> groups;
    // The connections in none of them.
    uint64_t other = 0;
    // Groups that are counted apart now, those in `other` included.
    size_t groups_kept = 0;
  };
  // Looks at every group that is kept.
  Largest Top(size_t count) const;

 private:
  static constexpr size_t kShards = 64;
  struct alignas(64) Shard {
    mutable Mutex mutex;
    absl::flat_hash_map<GroupKey, uint64_t> groups ABSL_GUARDED_BY(mutex);
  };

  GroupKey KeyOf(const ConnectionRef& connection) const;
  static size_t ShardOf(const GroupKey& key);

  const BreakdownOptions options_;
  std::array<Shard, kShards> shards_;
  std::atomic<size_t> groups_{0};
  std::atomic<uint64_t> ungrouped_{0};
};

// Several of them, which see the same connections.
class Breakdowns {
 public:
  // As many as a record has room for.
  static constexpr size_t kMax = 4;

  // REQUIRES: at most kMax.
  explicit Breakdowns(std::span<const BreakdownOptions> options);

  // Counts a connection, and returns what Remove must know: by number, a bit.
  uint8_t Add(const ConnectionRef& connection);
  void Remove(const ConnectionRef& connection, uint8_t grouped);

  size_t size() const { return breakdowns_.size(); }
  const Breakdown& operator[](size_t number) const { return *breakdowns_[number]; }

 private:
  std::vector<std::unique_ptr<Breakdown>> breakdowns_;
};

}  // namespace conntrack
