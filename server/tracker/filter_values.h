// The values of a filter: text to numbers, names, durations and networks.
//
// Each function takes the name of the field for the message, and returns
// InvalidArgument, with the place, for a text that is no such value.
//
// Thread-safe. Linear in the length of the text.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/filter_lexer.h"
#include "server/tracker/packet.h"

namespace conntrack {

// `filter column 8: port "x" WRONG`.
absl::Status FilterValueError(absl::string_view field, const FilterWord& value,
                              absl::string_view wrong);

// True for one digit or more and nothing else.
bool IsDigits(absl::string_view text);

// 0 to `max`, decimal or hexadecimal with 0x.
absl::StatusOr<uint64_t> ParseFilterNumber(absl::string_view field, const FilterWord& value,
                                           uint64_t max);

struct NamedNumber {
  absl::string_view name;
  uint64_t number;
};
// The number of one of `names`; the case of letters does not matter.
absl::StatusOr<uint64_t> ParseFilterName(absl::string_view field, const FilterWord& value,
                                         std::span<const NamedNumber> names);

// Seconds with up to nine decimals and an `s`, in nanoseconds.
absl::StatusOr<int64_t> ParseFilterDuration(absl::string_view field, const FilterWord& value);

// Addresses with the bits of `mask` as in `value`, which has no others.
struct FilterNetwork {
  Family family = Family::kIpv4;
  Address value;
  Address mask;
};
// An address, or a network if `prefix_allowed`.
absl::StatusOr<FilterNetwork> ParseFilterNetwork(absl::string_view field, const FilterWord& value,
                                                 bool prefix_allowed);

}  // namespace conntrack
