#include "client/cli/format.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace conntrack::cli {
namespace {

const std::map<Format, std::string>& Names() {
  static const auto* const names =
      new std::map<Format, std::string>{{Format::kTable, "table"},
                                        {Format::kWide, "wide"},
                                        {Format::kConntrack, "conntrack"},
                                        {Format::kExtended, "extended"},
                                        {Format::kJson, "json"},
                                        {Format::kJsonLines, "jsonl"},
                                        {Format::kCsv, "csv"}};
  return *names;
}

}  // namespace

const Formats& RowFormats() {
  static const auto* const formats =
      new Formats{Format::kTable, Format::kWide, Format::kJson, Format::kJsonLines, Format::kCsv};
  return *formats;
}

const Formats& ConnectionFormats() {
  static const Formats* const formats = [] {
    auto* all = new Formats(RowFormats());
    all->insert({Format::kConntrack, Format::kExtended});
    return all;
  }();
  return *formats;
}

absl::StatusOr<Format> ParseFormat(const std::string& text, const Formats& known) {
  for (const auto& [format, name] : Names()) {
    if (name == text && known.contains(format)) return format;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("output \"", text, "\" is none of ", absl::StrJoin(FormatNames(known), ", ")));
}

std::vector<std::string> FormatNames(const Formats& formats) {
  std::vector<std::string> names;
  names.reserve(formats.size());
  for (const Format format : formats) names.push_back(Names().at(format));
  return names;
}

}  // namespace conntrack::cli
