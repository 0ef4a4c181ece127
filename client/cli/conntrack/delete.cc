#include "absl/strings/str_cat.h"
#include "client/cli/connection_pages.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/printer.h"
#include "client/cli/conntrack/selection.h"
#include "client/cli/conntrack/tell.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {

absl::StatusOr<int> RunDelete(Invocation& invocation, const ConntrackOptions& options) {
  const Selection selection(options);
  ConntrackPrinter printer(invocation.output(), options);
  absl::Status failure;
  const auto end = [&](const v1::Connection& connection) {
    if (!selection.Has(connection)) return true;
    // One at a time, so that what is shown is what this call ended.
    v1::DeleteConnectionsRequest request;
    request.set_filter(absl::StrCat("id = ", connection.id()));
    v1::DeleteConnectionsResponse response;
    failure = invocation.Call<v1::ConnectionService>(
        &v1::ConnectionService::Stub::DeleteConnections, request, &response);
    if (failure.ok() && response.matched_connections() > 0) printer.Print(connection);
    return failure.ok();
  };
  if (!selection.nothing()) {
    const absl::Status status = ForEachConnection(invocation, selection.filter(), end);
    if (!status.ok()) return status;
  }
  printer.End();
  if (!failure.ok()) return failure;
  if (!options.quiet) TellCount(printer.printed(), "flow entries", "deleted");
  return printer.printed() > 0 || options.quiet ? 0 : 1;
}

}  // namespace conntrack::cli
