// Groups counts connections by the values of a Grouping, within bounds.
//
// Not thread-safe. Note is for the time under a slot's lock: it copies what
// counts, a few nanoseconds a field, and never allocates. Settle does the rest,
// and loads what it needs for all connections noted before it changes the first. A
// group takes 24 bytes, its key, and 16 to 32 bytes of index.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/tracker/connection.h"
#include "server/tracker/grouping.h"

namespace conntrack {

struct GroupSums {
  uint64_t connections = 0;
  uint64_t packets = 0;
  uint64_t bytes = 0;

  void Add(const GroupSums& other) {
    connections += other.connections;
    packets += other.packets;
    bytes += other.bytes;
  }
  friend bool operator==(const GroupSums&, const GroupSums&) = default;
};

enum class GroupOrder : uint8_t { kConnections, kPackets, kBytes };

class Groups {
 public:
  // Most connections noted between two calls of Settle.
  static constexpr size_t kNotedMax = 256;

  // Keeps `groups_max` groups; what belongs to further ones is summed as one.
  Groups(Grouping grouping, size_t groups_max);
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  // REQUIRES: fewer than kNotedMax are noted.
  void Note(const ConnectionRef& connection);
  void Settle();

  struct Group {
    // Valid as long as this, until the next Settle.
    const uint64_t* key;
    GroupSums sums;
  };
  // The largest groups, largest first, equal ones by their values. All that was
  // settled is in one of them or in `other`.
  struct Largest {
    std::vector<Group> groups;
    GroupSums other;
    // Groups summed in `other`, as far as they were kept.
    uint64_t other_groups = 0;
    // There were more than groups_max: those that came late are in `other` too,
    // however large.
    bool exceeded = false;
  };
  Largest Top(size_t count, GroupOrder order) const;

  const Grouping& grouping() const { return grouping_; }

 private:
  struct Noted {
    GroupKey key;
    GroupSums sums;
  };
  // A place of the index: which group, from 1 on, and its hash; 0: none.
  struct Entry {
    uint32_t hash = 0;
    uint32_t number = 0;
  };

  size_t RowWords() const { return kSumsWords + grouping_.words(); }
  uint64_t* Row(uint32_t number) { return rows_.data() + (number - 1) * RowWords(); }
  const uint64_t* Row(uint32_t number) const { return rows_.data() + (number - 1) * RowWords(); }
  static GroupSums SumsOf(const uint64_t* row) { return {row[0], row[1], row[2]}; }
  // The place of the group with this key, or the free one where it belongs.
  Entry* Find(const uint64_t* key, uint32_t hash);
  void Add(const Noted& noted, uint32_t hash);
  void GrowIndex();

  static constexpr size_t kSumsWords = 3;

  const Grouping grouping_;
  const size_t groups_max_;
  // By number of the group, its sums and its key.
  std::vector<uint64_t> rows_;
  uint32_t count_ = 0;
  // A power of two, at most half full.
  std::vector<Entry> index_;
  // Of groups that found no place.
  GroupSums exceeding_;
  size_t noted_count_ = 0;
  std::array<Noted, kNotedMax> noted_;
};

}  // namespace conntrack
