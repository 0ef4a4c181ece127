// FilterProgram is a filter ready to run: tests in a row, each with the place
// to go on to when it is true and when it is false, the cheap ones first.
//
// Immutable, so thread-safe. Matches runs each test at most once, stops as soon
// as the answer is known, and allocates nothing. Match does so for 64 connections
// at a time: it runs one test over all that still need it before the next, so that
// a test costs what it reads and compares.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/tracker/community_id.h"
#include "server/tracker/connection.h"
#include "server/tracker/fields.h"
#include "server/tracker/filter_values.h"
#include "server/tracker/packet.h"
#include "server/tracker/time.h"

namespace conntrack {

// Most tests in a filter.
inline constexpr size_t kFilterTestsMax = 256;
// Most of them that ask for a Community ID, which is a digest: some hundred times as
// dear.
inline constexpr size_t kCommunityIdTestsMax = 4;

// One test. Every comparison of numbers is a range, so that there is one kind.
struct FilterTest {
  struct Range {
    uint64_t low;
    uint64_t span;  // High end less `low`.
  };

  FilterField field = FilterField::kZone;
  // Asks for the opposite, but is still false when the field is absent.
  bool negated = false;
  // Asks for the opposite, absent or not.
  bool inverted = false;
  // Where to go on: an index of a test, or kAccept or kReject.
  uint16_t on_true = 0;
  uint16_t on_false = 0;
  // Of the address fields; of fields that are asked for bits, those that must be
  // as in its value are in its mask.
  FilterNetwork network;
  // Of the Community ID.
  CommunityId community_id = {};
  // Of all others.
  Range range = {0, UINT64_MAX};
};

// What a program is made of: a tree without NOT.
struct FilterPlan {
  enum class Kind : uint8_t { kAll, kAny, kTest };

  Kind kind = Kind::kTest;
  // At least one for kAll and kAny, none for kTest.
  std::vector<FilterPlan> children;
  FilterTest test;
  // Set by the program.
  uint32_t cost = 0;
};

// What the clock of a connection's zone says.
using ZoneNow = absl::FunctionRef<Time(const Record&)>;

class FilterProgram {
 public:
  // REQUIRES: at most kFilterTestsMax tests; slot_count > 0.
  FilterProgram(FilterPlan plan, uint32_t slot_count);

  bool Matches(const ConnectionRef& connection, Time now) const;
  // The connections of `block` that match, by place a bit.
  uint64_t Match(const ConnectionBlock& block, ZoneNow now_of) const;

  // What a connection costs when all tests run, in tests of a number.
  size_t cost() const;
  // The slot in which every connection is that matches; nullopt when that is not
  // known.
  std::optional<uint32_t> only_slot() const { return only_slot_; }

 private:
  static constexpr uint16_t kReject = UINT16_MAX - 1;
  static constexpr uint16_t kAccept = UINT16_MAX;
  static_assert(kFilterTestsMax < kReject);

  // Appends the tests of `plan`, the last first, and returns the place to
  // begin. The answer goes on to `on_true` or `on_false`, which are ends or
  // tests appended before: a program always goes on to a lower place.
  uint16_t Append(const FilterPlan& plan, uint16_t on_true, uint16_t on_false);

  uint32_t slot_count_;
  uint16_t start_ = 0;
  std::optional<uint32_t> only_slot_;
  std::vector<FilterTest> tests_;
};

}  // namespace conntrack
