// The connections of a slot as whoever follows it keeps them: by id, the parts that
// change only with an event.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "server/tracker/connection.h"

namespace conntrack::testing {

// Status, state, mark, labels.
using SlotRow = std::tuple<uint16_t, int, uint32_t, uint64_t>;
using SlotTable = std::map<uint64_t, SlotRow>;

inline SlotRow RowOf(const ConnectionRef& connection) {
  const int state = connection.tcp() == nullptr ? 0 : static_cast<int>(connection.tcp()->state);
  return {connection.record().status, state, connection.extra().mark, connection.labels().low};
}

}  // namespace conntrack::testing
