// An order of connections, and the first of them in it: what a sorted listing shows
// a page at a time, looking through the whole table for each.
//
// Ordering is immutable and thread-safe; FirstInOrder is not thread-safe.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/connection.h"
#include "server/tracker/fields.h"
#include "server/tracker/time.h"

namespace conntrack {

// Where a connection stands in an order.
struct OrderPlace {
  // It does not have the field: 1. These come last.
  uint64_t absent = 0;
  // Lower comes first, whichever way the order goes.
  uint64_t key = 0;
  uint64_t id = 0;

  friend auto operator<=>(const OrderPlace&, const OrderPlace&) = default;
};

class Ordering {
 public:
  // From "FIELD" or "FIELD desc": a field of the filter language that holds one number,
  // or create_time, last_seen_time or expire_time. InvalidArgument for all else.
  //
  // REQUIRES: slot_count > 0.
  static absl::StatusOr<Ordering> Compile(absl::string_view text, uint32_t slot_count);

  OrderPlace PlaceOf(const ConnectionRef& connection) const;

 private:
  Ordering(FilterField field, bool descending, uint32_t slot_count)
      : field_(field), descending_(descending), slot_count_(slot_count) {}

  FilterField field_;
  bool descending_;
  uint32_t slot_count_;
};

class FirstInOrder {
 public:
  struct Row {
    OrderPlace place;
    StoredConnection connection;
    // The clock of its zone.
    Time now;
  };

  // Keeps `rows_max` at most, at some 250 bytes each, of those behind `after`.
  //
  // REQUIRES: rows_max > 0.
  FirstInOrder(const Ordering& ordering, size_t rows_max, std::optional<OrderPlace> after)
      : ordering_(ordering), after_(after), rows_(rows_max) {}

  void Offer(const ConnectionRef& connection, Time now);

  // There was one that is behind those that are kept.
  bool more() const { return more_; }
  // Those that are kept, in order. Called once, at the end.
  std::vector<Row> Take();

 private:
  const Ordering ordering_;
  const std::optional<OrderPlace> after_;
  bool more_ = false;
  // A heap of places in `rows_` with the last in order on top: rows do not move. The
  // memory of all of them is there from the beginning, because Offer is called under the
  // lock of a slot.
  std::vector<size_t> heap_;
  std::vector<Row> rows_;
};

}  // namespace conntrack
