// Filter is a question about connections: AIP-160 text, compiled once to a
// predicate over ConnectionRef. docs/filter.md is the reference of the language.
//
//   text -> filter_parser (tree) -> filter_fields (tests) -> filter_program
//
// A test on a field that a connection does not have, for example the state of a
// UDP connection, is false, whatever its operator; NOT of it is true.
//
// Immutable and thread-safe; a copy shares the program. Matches allocates
// nothing; a filter of one test costs a few nanoseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/connection.h"
#include "server/tracker/filter_program.h"
#include "server/tracker/time.h"

namespace conntrack {

// Longest text, in bytes.
inline constexpr size_t kFilterBytesMax = 4096;
// Deepest nesting of parentheses.
inline constexpr size_t kFilterDepthMax = 64;

// What a filter must know of the place where it is used.
struct FilterOptions {
  // Allows `age`, `idle` and `expires`, which change without an event.
  bool allow_time_fields = true;
  // Slots of the tracker; at least 1. A connection's slot is its id modulo this.
  uint32_t slot_count = 1;
  // The number that records have for a sensor's name; nullopt for an unknown
  // name. Empty: `sensor` is refused. Called by Compile only.
  std::function<std::optional<uint16_t>(absl::string_view)> sensor_index;
};

class Filter {
 public:
  // Matches every connection.
  Filter() = default;

  // InvalidArgument when `text` is too long or is not understood, with the
  // place: `filter column 12: unknown field "origin.source"`. Columns count
  // bytes from 1. Empty text matches every connection.
  //
  // REQUIRES: options.slot_count > 0.
  static absl::StatusOr<Filter> Compile(absl::string_view text, const FilterOptions& options);

  // True when the connection matches. `now` is the clock of the connection's
  // zone: `age`, `idle` and `expires` are measured against it.
  bool Matches(const ConnectionRef& connection, Time now) const {
    return program_ == nullptr || program_->Matches(connection, now);
  }

  // The connections of `block` that match, by place a bit. `now_of` gives the
  // clock of a connection's zone; it is called for tests of time only. Some
  // times faster than Matches for each.
  uint64_t Match(const ConnectionBlock& block, ZoneNow now_of) const {
    return program_ == nullptr ? block.in_use : program_->Match(block, now_of);
  }

  // False when no connection of this slot matches, as far as the text tells: with
  // `id = N`, and `slot = N`, beside other tests or alone, all others are left out.
  bool MayMatchIn(uint32_t slot) const {
    return program_ == nullptr || program_->only_slot().value_or(slot) == slot;
  }

  // What a connection costs, in tests of a number.
  size_t cost() const { return program_ == nullptr ? 0 : program_->cost(); }

  // True when there is nothing to test.
  bool matches_all() const { return program_ == nullptr; }

 private:
  explicit Filter(FilterProgram program)
      : program_(std::make_shared<const FilterProgram>(std::move(program))) {}

  std::shared_ptr<const FilterProgram> program_;
};

}  // namespace conntrack
