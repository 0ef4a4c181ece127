// The fields of a connection that a filter can test: their names, what values
// they take, and which comparisons. docs/filter.md tells the same to users.
//
// Thread-safe. MakeFilterTest is linear in the number of fields.
#pragma once

#include "absl/status/statusor.h"
#include "server/tracker/filter.h"
#include "server/tracker/filter_parser.h"
#include "server/tracker/filter_program.h"

namespace conntrack {

// The test that a restriction asks for. InvalidArgument, with the place, when
// the field is unknown or not allowed, cannot be compared in that way, or has
// no such value.
absl::StatusOr<FilterTest> MakeFilterTest(const FilterRestriction& restriction,
                                          const FilterOptions& options);

}  // namespace conntrack
