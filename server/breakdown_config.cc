#include "server/breakdown_config.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/tracker/check.h"

namespace conntrack {
namespace {

constexpr size_t kNameMax = 32;

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= kNameMax &&
         absl::ascii_islower(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           const auto letter = static_cast<unsigned char>(c);
           return absl::ascii_islower(letter) || absl::ascii_isdigit(letter) || c == '_';
         });
}

absl::StatusOr<BreakdownConfig> ParseBreakdown(absl::string_view text) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (sides.size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not NAME=FIELD[,FIELD]..."));
  }
  BreakdownConfig breakdown;
  breakdown.name = std::string(absl::StripAsciiWhitespace(sides[0]));
  if (!IsName(breakdown.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("name \"", breakdown.name, "\" is not [a-z][a-z0-9_]*, at most ", kNameMax));
  }
  for (const absl::string_view field : absl::StrSplit(sides[1], ',')) {
    breakdown.fields.emplace_back(absl::StripAsciiWhitespace(field));
  }
  const absl::StatusOr<Grouping> grouping = Grouping::Compile(breakdown.fields, 1);
  absl::Status status = grouping.status();
  if (status.ok()) status = grouping->CheckFixed();
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(breakdown.name, ": ", status.message()));
  }
  return breakdown;
}

}  // namespace

absl::StatusOr<std::vector<BreakdownConfig>> ParseBreakdowns(absl::string_view text) {
  std::vector<BreakdownConfig> breakdowns;
  for (const absl::string_view part : absl::StrSplit(text, ';', absl::SkipWhitespace())) {
    absl::StatusOr<BreakdownConfig> breakdown = ParseBreakdown(part);
    if (!breakdown.ok()) return breakdown.status();
    for (const BreakdownConfig& earlier : breakdowns) {
      if (earlier.name == breakdown->name) {
        return absl::InvalidArgumentError(
            absl::StrCat("name \"", breakdown->name, "\" stands twice"));
      }
    }
    breakdowns.push_back(*std::move(breakdown));
  }
  if (breakdowns.size() > Breakdowns::kMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(breakdowns.size(), " breakdowns are more than ", Breakdowns::kMax));
  }
  return breakdowns;
}

std::string FormatBreakdowns(const std::vector<BreakdownConfig>& breakdowns) {
  return absl::StrJoin(breakdowns, ";", [](std::string* out, const BreakdownConfig& breakdown) {
    absl::StrAppend(out, breakdown.name, "=", absl::StrJoin(breakdown.fields, ","));
  });
}

BreakdownOptions MakeBreakdownOptions(const BreakdownConfig& config, size_t groups_max,
                                      uint32_t slot_count) {
  absl::StatusOr<Grouping> grouping = Grouping::Compile(config.fields, slot_count);
  CT_CHECK(grouping.ok());
  return {config.name, *std::move(grouping), groups_max};
}

}  // namespace conntrack
