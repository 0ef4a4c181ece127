// Prints connections in the format that was asked for, page by page.
#pragma once

#include "client/cli/format_table.h"
#include "client/cli/invocation.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {

class ConnectionPrinter {
 public:
  // Keeps a reference to `invocation`.
  explicit ConnectionPrinter(Invocation& invocation);

  void Print(const v1::Connection& connection);

  // Ends a page: what was printed is written.
  void EndPage();

  // Ends the listing.
  void End();

 private:
  Output& output_;
  const Format format_;
  Table table_;
  bool first_ = true;
};

}  // namespace conntrack::cli
