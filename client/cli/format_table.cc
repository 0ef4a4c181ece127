#include "client/cli/format_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/colour.h"

namespace conntrack::cli {
namespace {

std::string CsvName(const std::string& heading) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(heading), {{" ", "_"}});
}

}  // namespace

Table::Table(std::vector<Column> columns, Style style)
    : columns_(std::move(columns)), style_(style) {
  for (const Column& column : columns_) {
    widths_.push_back(std::max(column.width_min, column.heading.size()));
  }
}

void Table::Add(std::vector<std::string> row) {
  for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], row[i].size());
  rows_.push_back(std::move(row));
}

std::string Table::Flush() {
  const bool csv = style_ == Style::kCsv;
  std::string text;
  if (!headed_) {
    std::vector<std::string> headings;
    for (const Column& column : columns_) {
      headings.push_back(csv ? CsvName(column.heading) : column.heading);
    }
    text = csv ? CsvLine(headings) : Line(headings, false);
    headed_ = true;
  }
  for (const auto& row : rows_) text += csv ? CsvLine(row) : Line(row, style_ == Style::kColoured);
  rows_.clear();
  return text;
}

std::string Table::Line(const std::vector<std::string>& row, bool colours) const {
  std::string line;
  // Spaces that nothing follows are left out.
  size_t spaces = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) spaces += 2;
    const size_t padding = widths_[i] - std::min(widths_[i], row[i].size());
    if (columns_[i].right) spaces += padding;
    if (!row[i].empty()) {
      line.append(spaces, ' ');
      spaces = 0;
      line += colours ? Coloured(row[i]) : row[i];
    }
    if (!columns_[i].right) spaces += padding;
  }
  return line + "\n";
}

std::string CsvLine(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) line += ',';
    if (field.find_first_of(",\"\r\n") == std::string::npos) {
      line += field;
    } else {
      absl::StrAppend(&line, "\"", absl::StrReplaceAll(field, {{"\"", "\"\""}}), "\"");
    }
  }
  return line + "\r\n";
}

}  // namespace conntrack::cli
