// FilterProgram is a filter ready to run: tests in a row, each with the place
// to go on to when it is true and when it is false, the cheap ones first.
//
// Immutable, so thread-safe. Matches runs each test at most once, stops as soon
// as the answer is known, and allocates nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "server/tracker/connection.h"
#include "server/tracker/filter_values.h"
#include "server/tracker/packet.h"
#include "server/tracker/time.h"

namespace conntrack {

// What the field `state` compares: states of different protocols differ, but
// those with one name are one.
constexpr uint64_t FilterStateNumber(TcpState state) { return static_cast<uint64_t>(state); }
constexpr uint64_t FilterStateNumber(SctpState state) {
  return state == SctpState::kEstablished ? FilterStateNumber(TcpState::kEstablished)
                                          : kTcpStates + static_cast<uint64_t>(state);
}

enum class FilterField : uint8_t {
  kZone,
  kId,
  kSlot,
  kProtocol,
  kFamily,
  kState,
  kSeenReply,
  kAssured,
  kMark,
  kSensor,
  kOriginalSource,
  kOriginalDestination,
  kReplySource,
  kReplyDestination,
  kAddress,
  kOriginalSourcePort,
  kOriginalDestinationPort,
  kReplySourcePort,
  kReplyDestinationPort,
  kPort,
  kIcmpType,
  kIcmpCode,
  kIcmpId,
  kPackets,
  kBytes,
  kOriginalPackets,
  kOriginalBytes,
  kReplyPackets,
  kReplyBytes,
  kAge,
  kIdle,
  kExpires,
};

// Durations are compared as unsigned numbers: with this bit flipped they keep
// their order.
inline constexpr uint64_t kSignBit = uint64_t{1} << 63;

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
  // Of the address fields.
  FilterNetwork network;
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

class FilterProgram {
 public:
  // REQUIRES: fewer than kReject tests; slot_count > 0.
  FilterProgram(FilterPlan plan, uint32_t slot_count);

  bool Matches(const ConnectionRef& connection, Time now) const;

 private:
  static constexpr uint16_t kReject = UINT16_MAX - 1;
  static constexpr uint16_t kAccept = UINT16_MAX;

  // Appends the tests of `plan`, the last first, and returns the place to
  // begin. The answer goes on to `on_true` or `on_false`.
  uint16_t Append(const FilterPlan& plan, uint16_t on_true, uint16_t on_false);

  uint32_t slot_count_;
  uint16_t start_ = 0;
  std::vector<FilterTest> tests_;
};

}  // namespace conntrack
