// Rows under headings: as a table, each column as wide as it must be, or as CSV.
//
// Rows of a table are held until Flush, which sizes the columns by them; columns
// never shrink afterwards, so that the pages of a long listing stay aligned and
// memory stays at one page.
//
// Not thread-safe.
#pragma once

#include <string>
#include <vector>

namespace conntrack::cli {

class Table {
 public:
  enum class Style {
    kPlain,
    // The words that colour.h knows have their colour.
    kColoured,
    // RFC 4180. The names of the columns are the headings in small letters, with "_" for
    // each space.
    kCsv,
  };

  struct Column {
    std::string heading;
    bool right = false;  // For numbers.
    size_t width_min = 0;
  };

  explicit Table(std::vector<Column> columns, Style style = Style::kPlain);

  // REQUIRES: one cell a column.
  void Add(std::vector<std::string> row);

  // The headings, the first time, and the rows since the last call.
  std::string Flush();

 private:
  std::string Line(const std::vector<std::string>& row, bool colours) const;

  const std::vector<Column> columns_;
  const Style style_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool headed_ = false;
};

// One line of CSV, with its end, CR LF: a field that holds a comma, a quote or the end of a
// line stands in quotes.
std::string CsvLine(const std::vector<std::string>& fields);

}  // namespace conntrack::cli
