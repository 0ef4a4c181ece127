#include "tests/differential/rule_counts.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace conntrack {

RuleCounts::RuleCounts(std::string protocol, std::vector<std::string> cells,
                       std::vector<std::string> rules)
    : protocol_(std::move(protocol)),
      cells_(std::move(cells)),
      rules_(std::move(rules)),
      rule_counts_(rules_.size()) {}

void RuleCounts::AddCell(const std::string& cell, const std::string& outcome) {
  Cell& counts = cell_counts_[cell];
  ++counts.count;
  ++counts.outcomes[outcome];
}

std::vector<std::string> RuleCounts::Missing() const {
  std::vector<std::string> missing;
  for (const std::string& cell : cells_) {
    if (cell_counts_.count(cell) == 0) missing.push_back(cell);
  }
  for (size_t i = 0; i < rules_.size(); ++i) {
    if (rule_counts_[i] == 0) missing.push_back(rules_[i]);
  }
  return missing;
}

std::string RuleCounts::Report() const {
  std::string text = absl::StrCat(protocol_, ": state, direction, kind: what became of it\n");
  for (const auto& [name, cell] : cell_counts_) {
    std::vector<std::string> outcomes;
    for (const auto& [outcome, count] : cell.outcomes) {
      outcomes.push_back(absl::StrCat(outcome, " ", count));
    }
    absl::StrAppendFormat(&text, "  %8d  %-38s %s\n", cell.count, name,
                          absl::StrJoin(outcomes, ", "));
  }
  absl::StrAppend(&text, protocol_, ": special rules\n");
  for (size_t i = 0; i < rules_.size(); ++i) {
    absl::StrAppendFormat(&text, "  %8d  %s\n", rule_counts_[i], rules_[i]);
  }
  const std::vector<std::string> missing = Missing();
  absl::StrAppend(&text, protocol_,
                  ": never seen: ", missing.empty() ? "nothing" : absl::StrJoin(missing, "; "),
                  "\n");
  return text;
}

bool IsReply(const Fields& before, const PacketSpec& spec) {
  const std::string state = FieldOf(before, "state");
  return !state.empty() && state != "none" && FieldOf(before, "from") != NameOf(spec.source);
}

void CountCell(const Fields& before, const ComparedPacket& packet, const std::string& kind,
               RuleCounts* counts) {
  std::string state = FieldOf(before, "state");
  if (state.empty()) state = "none";
  const bool counted = FieldOf(before, "packets") != FieldOf(packet.kernel, "packets");
  const std::string outcome = FieldOf(packet.kernel, "verdict") == "invalid" ? "invalid"
                              : !counted                                     ? "ignored"
                                         : FieldOf(packet.kernel, "state");
  const char* const direction = IsReply(before, *packet.spec) ? " reply " : " original ";
  counts->AddCell(absl::StrCat(state, direction, kind), outcome);
}

}  // namespace conntrack
