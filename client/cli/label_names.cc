#include "client/cli/label_names.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace conntrack::cli {
namespace {

constexpr uint32_t kLabelMax = 127;

}  // namespace

LabelNames LabelNames::Read(const std::string& path) {
  LabelNames labels;
  std::ifstream file(path);
  if (!file) {
    for (uint32_t number = 0; number <= kLabelMax; ++number) {
      labels.names_[number] = absl::StrCat(number);
    }
    return labels;
  }
  for (std::string line; std::getline(file, line);) {
    const std::string text(absl::StripAsciiWhitespace(line));
    const size_t gap = text.find_first_of(" \t");
    uint32_t number = 0;
    if (gap == std::string::npos || !absl::SimpleAtoi(text.substr(0, gap), &number) ||
        number > kLabelMax) {
      continue;
    }
    const std::string name(absl::StripLeadingAsciiWhitespace(text.substr(gap)));
    if (labels.NumberOf(name).ok()) continue;
    labels.names_.emplace(number, name);
  }
  return labels;
}

absl::StatusOr<uint32_t> LabelNames::NumberOf(const std::string& name) const {
  const auto found = std::find_if(names_.begin(), names_.end(),
                                  [&](const auto& label) { return label.second == name; });
  if (found == names_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("unknown label '", name, "'"));
  }
  return found->first;
}

std::vector<std::string> LabelNames::NamesOf(const v1::Connection& connection) const {
  std::vector<std::string> names;
  for (const uint32_t label : connection.labels()) {
    const auto found = names_.find(label);
    if (found != names_.end()) names.push_back(found->second);
  }
  return names;
}

}  // namespace conntrack::cli
