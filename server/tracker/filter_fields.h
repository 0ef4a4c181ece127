// The one table of the fields by which connections can be asked for: their names,
// what values they take, how those are written, and which comparisons a filter may
// make. docs/filter.md tells the same to users.
//
// Thread-safe. All are linear in the number of fields.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/fields.h"
#include "server/tracker/filter.h"
#include "server/tracker/filter_parser.h"
#include "server/tracker/filter_program.h"

namespace conntrack {

enum class ValueType : uint8_t {
  kNumber,
  kProtocol,
  kFamily,
  kState,
  kBoolean,
  kStatus,
  kLabels,
  kSensor,
  kAddress,
  kDuration,
  kCommunityId,
};

struct FieldRow {
  absl::string_view name;
  FilterField field;
  ValueType type;
  // Highest value of a kNumber; 0: not known before the options are.
  uint64_t max = 0;
  // Some connections do not have it.
  bool optional = false;
};

// True for fields that hold several values at once, each a bit.
inline bool HoldsBits(const FieldRow& row) {
  return row.type == ValueType::kStatus || row.type == ValueType::kLabels;
}

// Null when there is no such field.
const FieldRow* FindField(absl::string_view name);

// A value as a filter takes it: "TCP", "ESTABLISHED", "true", "443".
//
// REQUIRES: `number` is of a connection, and the type is not kSensor, kAddress,
// kDuration, kStatus, kLabels or kCommunityId.
std::string FieldText(ValueType type, uint64_t number);

// The test that a restriction asks for. InvalidArgument, with the place, when
// the field is unknown or not allowed, cannot be compared in that way, or has
// no such value.
absl::StatusOr<FilterTest> MakeFilterTest(const FilterRestriction& restriction,
                                          const FilterOptions& options);

}  // namespace conntrack
