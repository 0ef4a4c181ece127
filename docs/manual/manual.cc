#include "docs/manual/manual.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace conntrack::manual {

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

}  // namespace conntrack::manual
