#include "absl/strings/str_cat.h"
#include "client/cli/connection_pages.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/printer.h"
#include "client/cli/conntrack/selection.h"
#include "client/cli/conntrack/tell.h"
#include "client/cli/conntrack/tuple_of.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {

absl::StatusOr<int> RunGet(Invocation& invocation, const ConntrackOptions& options) {
  // Of the two directions conntrack(8) asks by the original one.
  if (!options.original.source.has_value()) return absl::InvalidArgumentError("invalid parameters");
  const auto tuple = OriginalTuple(options);
  if (!tuple.ok()) return tuple.status();
  v1::GetConnectionRequest request;
  request.mutable_tuple()->set_zone(options.zone.value_or(0));
  request.mutable_tuple()->set_protocol(static_cast<v1::Protocol>(*options.protocol));
  *request.mutable_tuple()->mutable_tuple() = *tuple;
  v1::GetConnectionResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::GetConnection, request, &response);
  if (absl::IsNotFound(status)) return absl::NotFoundError("such conntrack doesn't exist");
  if (!status.ok()) return status;

  // It is found by either direction, and shown when it is as the options say.
  const Selection selection(options);
  ConntrackPrinter printer(invocation.output(), options);
  const std::string id = absl::StrCat("id = ", response.connection().id());
  const absl::Status listed = ForEachConnection(
      invocation, absl::StrCat(selection.filter(), " AND ", id), [&](const v1::Connection& found) {
        if (selection.Has(found)) printer.Print(found);
        return true;
      });
  if (!listed.ok()) return listed;
  printer.End();
  TellCount(printer.printed(), "flow entries", "shown");
  return printer.printed() > 0 ? 0 : 1;
}

}  // namespace conntrack::cli
