// Prints connections and events in the format that -o asks for.
#pragma once

#include "client/cli/conntrack/options.h"
#include "client/cli/format_conntrack.h"
#include "client/cli/output.h"
#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

// Not thread-safe.
class ConntrackPrinter {
 public:
  // Keeps references to both.
  ConntrackPrinter(Output& output, const ConntrackOptions& options);

  void Print(const v1::Connection& connection);
  void Print(const v1::Event& event);

  // Ends a document, if there is one, and writes what is held.
  void End();

  // How many were printed.
  uint64_t printed() const { return printed_; }

 private:
  bool Has(OutputKind kind) const { return (options_.output & kind) != 0; }
  void Write(const std::string& line);

  Output& output_;
  const ConntrackOptions& options_;
  const ConntrackStyle style_;
  // XML of one that was changed or deleted is no document.
  const bool document_;
  uint64_t printed_ = 0;
};

}  // namespace conntrack::cli
