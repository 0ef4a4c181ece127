#include "client/cli/connection_printer.h"

#include "client/cli/connection_columns.h"
#include "client/cli/format_conntrack.h"
#include "client/cli/format_json.h"

namespace conntrack::cli {

ConnectionPrinter::ConnectionPrinter(Invocation& invocation)
    : output_(invocation.output()),
      format_(invocation.format()),
      table_(IsRows(format_) ? ConnectionColumns(format_) : std::vector<Table::Column>(),
             invocation.table_style()) {}

void ConnectionPrinter::Print(const v1::Connection& connection) {
  switch (format_) {
    case Format::kTable:
    case Format::kWide:
    case Format::kCsv:
      table_.Add(ConnectionRow(format_, connection));
      break;
    case Format::kConntrack:
    case Format::kExtended:
      output_.Write(ConntrackLine(connection, format_ == Format::kExtended) + "\n");
      break;
    // One ListConnectionsResponse, however many pages it came in.
    case Format::kJson:
      output_.Write((first_ ? "{\"connections\":[\n" : ",\n") + JsonLine(connection));
      break;
    case Format::kJsonLines:
      output_.Write(JsonLine(connection) + "\n");
      break;
  }
  first_ = false;
}

void ConnectionPrinter::EndPage() {
  if (IsRows(format_)) output_.Write(table_.Flush());
  output_.Flush();
}

void ConnectionPrinter::End() {
  if (format_ == Format::kJson) output_.Write(first_ ? "{\"connections\":[]}\n" : "\n]}\n");
  EndPage();
}

}  // namespace conntrack::cli
