// Rows under headings, each column as wide as it must be.
//
// Rows are held until Flush, which sizes the columns by them; columns never
// shrink afterwards, so that the pages of a long listing stay aligned and
// memory stays at one page.
//
// Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {

class Table {
 public:
  struct Column {
    std::string heading;
    bool right = false;  // For numbers.
  };

  explicit Table(std::vector<Column> columns);

  // REQUIRES: one cell a column.
  void Add(std::vector<std::string> row);

  // The headings, the first time, and the rows since the last call.
  std::string Flush();

 private:
  std::string Line(const std::vector<std::string>& row) const;

  const std::vector<Column> columns_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool headed_ = false;
};

// The columns of a table of connections, and the row of one.
std::vector<Table::Column> ConnectionColumns();
std::vector<std::string> ConnectionRow(const v1::Connection& connection);

// "192.0.2.1:80", "[2001:db8::1]:80", or the address alone.
std::string SourceText(const v1::Tuple& tuple);
std::string DestinationText(const v1::Tuple& tuple);

}  // namespace conntrack::cli
