#include "server/tracker/lookup.h"

#include <algorithm>
#include <vector>

#include "server/tracker/tracker.h"

namespace conntrack {
namespace {

// Tuples that are looked up under one lock: some ten microseconds at most.
constexpr size_t kLookupsPerStep = 128;

}  // namespace

void Slot::PrefetchBuckets(std::span<const TupleLookup> lookups) const {
  for (const TupleLookup& lookup : lookups) {
    TableOf(lookup.tuple.key.family).PrefetchBucket(lookup.hash);
  }
}

void Slot::Lookup(std::span<const TupleLookup> lookups, Time server_now, LookupVisit visit) {
  for (const TupleLookup& lookup : lookups) {
    TableOf(lookup.tuple.key.family).PrefetchRecord(lookup.hash);
  }
  for (const TupleLookup& lookup : lookups) {
    const Key& key = lookup.tuple.key;
    const Table& table = TableOf(key.family);
    const uint32_t index = table.Find(key, lookup.hash);
    if (index == Table::kNone) continue;
    const ConnectionRef connection = table.ref(index);
    const Time now = NowOf(connection.record(), server_now);
    if (connection.deadline() <= now) continue;
    visit(lookup.place, connection,
          DirectionOf(connection.record(), lookup.tuple.from_first, IsSymmetric(key)), now);
  }
}

void Tracker::Lookup(ZoneIndex zone, std::span<const std::optional<DirectedKey>> tuples,
                     Time server_now, LookupVisit visit) {
  const Classifier classifier = ClassifierOf(*zones_[zone]);
  std::vector<TupleLookup> lookups;
  lookups.reserve(tuples.size());
  for (uint32_t place = 0; place < tuples.size(); ++place) {
    if (!tuples[place].has_value()) continue;
    const Key& key = tuples[place]->key;
    lookups.push_back({*tuples[place], place, classifier.SlotOf(key), classifier.HashOf(key)});
  }
  std::sort(lookups.begin(), lookups.end(),
            [](const TupleLookup& a, const TupleLookup& b) { return a.slot < b.slot; });
  for (const TupleLookup& lookup : lookups) slots_[lookup.slot]->PrefetchBuckets({&lookup, 1});
  for (auto begin = lookups.begin(); begin != lookups.end();) {
    const auto most = std::min<ptrdiff_t>(kLookupsPerStep, lookups.end() - begin);
    const auto end = std::find_if(
        begin, begin + most, [&](const TupleLookup& lookup) { return lookup.slot != begin->slot; });
    Slot& slot = *slots_[begin->slot];
    const MutexLock lock(&slot.mutex());
    slot.Lookup({begin, end}, server_now, visit);
    begin = end;
  }
}

}  // namespace conntrack
