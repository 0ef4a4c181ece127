// ParseFilter turns a filter text into a tree by the grammar of AIP-160: what
// belongs together, but not what fields and values mean.
//
//   all     = any { [ "AND" ] any }
//   any     = term { "OR" term }
//   term    = [ "NOT" | "-" ] ( "(" all ")" | test )
//   test    = field operator value | "ip_in" "(" field "," value ")"
//
// OR binds tighter than AND, and tests side by side are as with AND.
//
// Thread-safe. Linear in the length of the text; recursion is limited by
// kFilterDepthMax.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/filter_lexer.h"

namespace conntrack {

// One test, as written.
struct FilterRestriction {
  FilterWord field;
  FilterOperator op = FilterOperator::kEqual;
  // Column of the operator.
  size_t op_column = 0;
  FilterWord value;
};

struct FilterNode {
  enum class Kind : uint8_t { kAll, kAny, kNot, kTest };

  Kind kind = Kind::kTest;
  // At least two for kAll and kAny, one for kNot, none for kTest.
  std::vector<FilterNode> children;
  // Of a kTest.
  FilterRestriction restriction;
};

// The tree; nullopt when the text holds nothing but spaces. InvalidArgument,
// with the place, when it is not a filter or is above a limit of filter.h.
absl::StatusOr<std::optional<FilterNode>> ParseFilter(absl::string_view text);

}  // namespace conntrack
