#include "client/cli/connection_printer.h"

#include "client/cli/format_conntrack.h"
#include "client/cli/format_json.h"

namespace conntrack::cli {

ConnectionPrinter::ConnectionPrinter(Invocation& invocation)
    : output_(invocation.output()), format_(invocation.format()), table_(ConnectionColumns()) {}

void ConnectionPrinter::Print(const v1::Connection& connection) {
  switch (format_) {
    case Format::kTable:
      table_.Add(ConnectionRow(connection));
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
  if (format_ == Format::kTable) output_.Write(table_.Flush());
  output_.Flush();
}

void ConnectionPrinter::End() {
  if (format_ == Format::kJson) output_.Write(first_ ? "{\"connections\":[]}\n" : "\n]}\n");
  EndPage();
}

}  // namespace conntrack::cli
