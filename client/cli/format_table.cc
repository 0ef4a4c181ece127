#include "client/cli/format_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/duration.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

std::string EndpointText(const std::string& address, uint32_t port) {
  if (absl::StrContains(address, ':')) return absl::StrCat("[", address, "]:", port);
  return absl::StrCat(address, ":", port);
}

std::string FlagsText(const v1::Connection& connection) {
  if (connection.assured()) return "assured";
  return connection.seen_reply() ? "" : "unreplied";
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(column.heading.size());
}

void Table::Add(std::vector<std::string> row) {
  for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], row[i].size());
  rows_.push_back(std::move(row));
}

std::string Table::Flush() {
  std::string text;
  if (!headed_) {
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.push_back(column.heading);
    text = Line(headings);
    headed_ = true;
  }
  for (const auto& row : rows_) text += Line(row);
  rows_.clear();
  return text;
}

std::string Table::Line(const std::vector<std::string>& row) const {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += "  ";
    const std::string padding(widths_[i] - std::min(widths_[i], row[i].size()), ' ');
    line += columns_[i].right ? padding + row[i] : row[i] + padding;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line + "\n";
}

std::string SourceText(const v1::Tuple& tuple) {
  if (tuple.has_ports()) return EndpointText(tuple.source_address(), tuple.ports().source());
  return tuple.source_address();
}

std::string DestinationText(const v1::Tuple& tuple) {
  if (tuple.has_ports()) {
    return EndpointText(tuple.destination_address(), tuple.ports().destination());
  }
  std::string text = tuple.destination_address();
  if (tuple.has_icmp()) {
    absl::StrAppend(&text, " type=", tuple.icmp().type(), " id=", tuple.icmp().id());
  }
  return text;
}

std::vector<Table::Column> ConnectionColumns() {
  return {{"PROTOCOL"},    {"STATE"},         {"SOURCE"}, {"DESTINATION"}, {"PACKETS", true},
          {"BYTES", true}, {"EXPIRES", true}, {"FLAGS"},  {"ZONE", true},  {"ID", true}};
}

std::vector<std::string> ConnectionRow(const v1::Connection& connection) {
  const v1::Counters& original = connection.original_counters();
  const v1::Counters& reply = connection.reply_counters();
  return {ProtocolText(connection.protocol()),
          StateText(connection),
          SourceText(connection.original()),
          DestinationText(connection.original()),
          absl::StrCat(original.packets(), "/", reply.packets()),
          absl::StrCat(original.bytes(), "/", reply.bytes()),
          DurationText(connection.timeout()),
          FlagsText(connection),
          absl::StrCat(connection.zone()),
          absl::StrCat(connection.id())};
}

}  // namespace conntrack::cli
