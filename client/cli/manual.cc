#include "client/cli/manual.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/invocation.h"

namespace conntrack::cli {

const std::vector<std::pair<int, std::string>>& ExitCodes() {
  static const auto* const codes = new std::vector<std::pair<int, std::string>>{
      {kExitOk, "success, also when the reader of the output goes away"},
      {kExitFailed, "the server, the network or a file failed, or an import left some out"},
      {kExitUsage, "wrong usage, bad filters and configuration files included"},
      {kExitNotFound, "not found"}};
  return *codes;
}

std::string HelpFooter(const Manual& manual, const std::string& last_line) {
  std::string text;
  if (!manual.notes.empty()) absl::StrAppend(&text, manual.notes, "\n\n");
  if (!manual.examples.empty()) text += "Examples:\n";
  for (const Example& example : manual.examples) {
    absl::StrAppend(&text, "  # ", example.comment);
    if (example.exit_code != 0) absl::StrAppend(&text, "; exits with ", example.exit_code);
    if (example.until_interrupted) text += ", until interrupted";
    text += "\n";
    for (const absl::string_view line : absl::StrSplit(example.command, '\n')) {
      absl::StrAppend(&text, "  ", line, "\n");
    }
  }
  if (!manual.examples.empty() && !last_line.empty()) text += "\n";
  if (!last_line.empty()) absl::StrAppend(&text, last_line, "\n");
  return text;
}

}  // namespace conntrack::cli
