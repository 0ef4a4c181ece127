#include "server/tracker/groups.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/types/span.h"
#include "server/tracker/check.h"
#include "server/tracker/prefetch.h"

namespace conntrack {
namespace {

constexpr size_t kIndexMin = 1024;

uint64_t AmountOf(const uint64_t* row, GroupOrder order) { return row[static_cast<size_t>(order)]; }

}  // namespace

Groups::Groups(Grouping grouping, size_t groups_max)
    : grouping_(std::move(grouping)), groups_max_(groups_max), index_(kIndexMin) {
  CT_CHECK(groups_max < UINT32_MAX);
}

void Groups::Note(const ConnectionRef& connection) {
  CT_CHECK(noted_count_ < kNotedMax);
  Noted& noted = noted_[noted_count_++];
  grouping_.ReadKey(connection, noted.key.data());
  noted.sums = {1, AmountIn(FilterField::kPackets, connection),
                AmountIn(FilterField::kBytes, connection)};
}

void Groups::Settle() {
  const size_t mask = index_.size() - 1;
  std::array<uint32_t, kNotedMax> hashes;
  for (size_t i = 0; i < noted_count_; ++i) {
    hashes[i] = static_cast<uint32_t>(
        absl::HashOf(absl::MakeConstSpan(noted_[i].key.data(), grouping_.words())));
    Prefetch(&index_[hashes[i] & mask]);
  }
  for (size_t i = 0; i < noted_count_; ++i) {
    const Entry& entry = index_[hashes[i] & mask];
    if (entry.number != 0) Prefetch(Row(entry.number));
  }
  for (size_t i = 0; i < noted_count_; ++i) Add(noted_[i], hashes[i]);
  noted_count_ = 0;
}

void Groups::Add(const Noted& noted, uint32_t hash) {
  Entry* const entry = Find(noted.key.data(), hash);
  if (entry->number != 0) {
    uint64_t* const row = Row(entry->number);
    row[0] += noted.sums.connections;
    row[1] += noted.sums.packets;
    row[2] += noted.sums.bytes;
    return;
  }
  if (count_ == groups_max_) {
    exceeding_.Add(noted.sums);
    return;
  }
  rows_.insert(rows_.end(), {noted.sums.connections, noted.sums.packets, noted.sums.bytes});
  rows_.insert(rows_.end(), noted.key.begin(),
               noted.key.begin() + static_cast<ptrdiff_t>(grouping_.words()));
  *entry = {hash, ++count_};
  if (2 * size_t{count_} > index_.size()) GrowIndex();
}

Groups::Entry* Groups::Find(const uint64_t* key, uint32_t hash) {
  const size_t mask = index_.size() - 1;
  for (size_t place = hash & mask;; place = (place + 1) & mask) {
    Entry& entry = index_[place];
    if (entry.number == 0) return &entry;
    if (entry.hash == hash &&
        std::equal(key, key + grouping_.words(), Row(entry.number) + kSumsWords)) {
      return &entry;
    }
  }
}

void Groups::GrowIndex() {
  std::vector<Entry> grown(2 * index_.size());
  const size_t mask = grown.size() - 1;
  for (const Entry& entry : index_) {
    if (entry.number == 0) continue;
    size_t place = entry.hash & mask;
    while (grown[place].number != 0) place = (place + 1) & mask;
    grown[place] = entry;
  }
  index_ = std::move(grown);
}

Groups::Largest Groups::Top(size_t count, GroupOrder order) const {
  std::vector<uint32_t> numbers(count_);
  std::iota(numbers.begin(), numbers.end(), 1);
  count = std::min(count, numbers.size());
  const auto end = numbers.begin() + static_cast<ptrdiff_t>(count);
  std::partial_sort(numbers.begin(), end, numbers.end(), [&](uint32_t a, uint32_t b) {
    const uint64_t* const row_a = Row(a);
    const uint64_t* const row_b = Row(b);
    if (AmountOf(row_a, order) != AmountOf(row_b, order)) {
      return AmountOf(row_a, order) > AmountOf(row_b, order);
    }
    return std::lexicographical_compare(row_a + kSumsWords, row_a + RowWords(), row_b + kSumsWords,
                                        row_b + RowWords());
  });
  Largest largest;
  for (auto number = numbers.begin(); number != end; ++number) {
    largest.groups.push_back({Row(*number) + kSumsWords, SumsOf(Row(*number))});
  }
  largest.other = exceeding_;
  largest.exceeded = exceeding_.connections > 0;
  for (auto number = end; number != numbers.end(); ++number) {
    largest.other.Add(SumsOf(Row(*number)));
    ++largest.other_groups;
  }
  return largest;
}

}  // namespace conntrack
