// Brings the events that both sides of a comparison tell into the same order.
//
// Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "server/tracker/tuple.h"
#include "tests/testing/observation.h"

namespace conntrack {

// Events wait here until a packet of their own connection is looked at: what
// expires is told by the kernel when it happens to notice, by the tracker at
// once.
class EventSorter {
 public:
  // Replaces the events by all that wait for the connection of `tuple`.
  void Sort(const std::optional<SeenTuple>& tuple, Observation* observation);

 private:
  using Name = std::tuple<Address, Address, uint32_t, uint8_t>;

  static std::optional<Name> NameOf(const SeenTuple& tuple);

  std::map<Name, std::vector<SeenEvent>> waiting_;
};

}  // namespace conntrack
