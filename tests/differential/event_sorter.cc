#include "tests/differential/event_sorter.h"

#include <utility>

namespace conntrack {

void EventSorter::Sort(const std::optional<SeenTuple>& tuple, Observation* observation) {
  for (SeenEvent& event : observation->events) {
    const std::optional<Name> name = NameOf(event.connection.original);
    if (name.has_value()) waiting_[*name].push_back(std::move(event));
  }
  observation->events.clear();
  if (!tuple.has_value()) return;
  const auto found = waiting_.find(NameOf(*tuple).value_or(Name()));
  if (found == waiting_.end()) return;
  observation->events = std::move(found->second);
  waiting_.erase(found);
}

std::optional<EventSorter::Name> EventSorter::NameOf(const SeenTuple& tuple) {
  // Every address of MakeEndpoints tells its family.
  const Family family = tuple.source.high != 0 ? Family::kIpv6 : Family::kIpv4;
  const auto key = MakeKey(0, family, tuple.protocol, tuple.source, tuple.destination, tuple.ports);
  if (!key.has_value()) return std::nullopt;
  return Name(key->key.first, key->key.second, key->key.ports, key->key.protocol);
}

}  // namespace conntrack
