#include "server/tracker/filter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/tracker/check.h"
#include "server/tracker/filter_fields.h"
#include "server/tracker/filter_parser.h"

namespace conntrack {
namespace {

// Counts the tests that ask for a Community ID.
size_t CountCommunityIds(const FilterPlan& plan) {
  size_t count =
      plan.kind == FilterPlan::Kind::kTest && plan.test.field == FilterField::kCommunityId;
  for (const FilterPlan& child : plan.children) count += CountCommunityIds(child);
  return count;
}

// Turns a tree of words into a tree of tests. `inverted`: an odd number of NOTs
// stands above. NOT moves down to the tests, where it costs nothing: NOT of
// "all" is "any" of the NOTs, and the other way round.
absl::StatusOr<FilterPlan> MakePlan(const FilterNode& node, bool inverted,
                                    const FilterOptions& options) {
  if (node.kind == FilterNode::Kind::kNot) {
    return MakePlan(node.children.front(), !inverted, options);
  }
  FilterPlan plan;
  if (node.kind == FilterNode::Kind::kTest) {
    absl::StatusOr<FilterTest> test = MakeFilterTest(node.restriction, options);
    if (!test.ok()) return test.status();
    plan.test = *test;
    plan.test.inverted = inverted;
    return plan;
  }
  const bool all = (node.kind == FilterNode::Kind::kAll) != inverted;
  plan.kind = all ? FilterPlan::Kind::kAll : FilterPlan::Kind::kAny;
  plan.children.reserve(node.children.size());
  for (const FilterNode& child : node.children) {
    absl::StatusOr<FilterPlan> made = MakePlan(child, inverted, options);
    if (!made.ok()) return made.status();
    plan.children.push_back(*std::move(made));
  }
  return plan;
}

}  // namespace

absl::StatusOr<Filter> Filter::Compile(absl::string_view text, const FilterOptions& options) {
  CT_CHECK(options.slot_count > 0);
  if (text.size() > kFilterBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter of ", text.size(), " bytes is longer than ", kFilterBytesMax));
  }
  absl::StatusOr<std::optional<FilterNode>> tree = ParseFilter(text);
  if (!tree.ok()) return tree.status();
  if (!tree->has_value()) return Filter();
  absl::StatusOr<FilterPlan> plan = MakePlan(**tree, /*inverted=*/false, options);
  if (!plan.ok()) return plan.status();
  if (const size_t count = CountCommunityIds(*plan); count > kCommunityIdTestsMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "filter has ", count, " tests of community_id, more than ", kCommunityIdTestsMax));
  }
  return Filter(FilterProgram(*std::move(plan), options.slot_count));
}

}  // namespace conntrack
