#include "client/cli/connection_pages.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/printer.h"
#include "client/cli/conntrack/selection.h"
#include "client/cli/conntrack/tell.h"

namespace conntrack::cli {

absl::StatusOr<int> RunList(Invocation& invocation, const ConntrackOptions& options) {
  if (options.zero) {
    return absl::FailedPreconditionError("counters cannot be set to 0: others read them too");
  }
  // conntrack(8) asks the kernel for the status UNSET, which refuses it.
  if (options.status == 0u) return absl::InvalidArgumentError("invalid parameters");
  const Selection selection(options);
  ConntrackPrinter printer(invocation.output(), options);
  if (!selection.nothing()) {
    const absl::Status status =
        ForEachConnection(invocation, selection.filter(), [&](const v1::Connection& connection) {
          if (selection.Has(connection)) printer.Print(connection);
          return true;
        });
    if (!status.ok()) return status;
  }
  printer.End();
  TellCount(printer.printed(), "flow entries", "shown");
  return 0;
}

}  // namespace conntrack::cli
