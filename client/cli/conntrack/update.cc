#include "absl/strings/str_cat.h"
#include "client/cli/connection_pages.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/printer.h"
#include "client/cli/conntrack/selection.h"
#include "client/cli/conntrack/tell.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

constexpr uint32_t kLabelMax = 127;

v1::UpdateConnectionsRequest RequestFor(const ConntrackOptions& options,
                                        const v1::Connection& connection) {
  v1::UpdateConnectionsRequest request;
  request.set_filter(absl::StrCat("id = ", connection.id()));
  if (options.mark.has_value()) {
    // The bits of the mask are cleared, then those of the value are turned over.
    request.mutable_mark()->set_value((connection.mark() & ~options.mark->mask) ^
                                      options.mark->value);
  }
  if (options.timeout_seconds.has_value()) {
    request.mutable_timeout()->set_seconds(*options.timeout_seconds);
  }
  for (const uint32_t label : options.labels_to_add) request.mutable_labels()->add_set(label);
  if (options.labels_to_delete.has_value()) {
    auto* clear = request.mutable_labels()->mutable_clear();
    clear->Add(options.labels_to_delete->begin(), options.labels_to_delete->end());
    for (uint32_t label = 0; options.labels_to_delete->empty() && label <= kLabelMax; ++label) {
      clear->Add(label);
    }
  }
  return request;
}

// Changes one, and prints it as it is then.
absl::Status Change(Invocation& invocation, const ConntrackOptions& options,
                    const v1::Connection& connection, ConntrackPrinter& printer) {
  const v1::UpdateConnectionsRequest request = RequestFor(options, connection);
  if (!request.has_mark() && !request.has_labels() && !request.has_timeout()) {
    return absl::OkStatus();
  }
  v1::UpdateConnectionsResponse response;
  absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::UpdateConnections, request, &response);
  if (!status.ok()) return status;
  // conntrack(8) does not compare labels.
  const bool changed = request.has_labels() ? response.matched_connections() > 0
                                            : response.updated_connections() > 0;
  if (!changed) return absl::OkStatus();
  v1::GetConnectionRequest again;
  again.set_id(connection.id());
  v1::GetConnectionResponse now;
  status = invocation.Call<v1::ConnectionService>(&v1::ConnectionService::Stub::GetConnection,
                                                  again, &now);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  if (status.ok()) printer.Print(now.connection());
  return status;
}

}  // namespace

absl::StatusOr<int> RunUpdate(Invocation& invocation, const ConntrackOptions& options) {
  if (options.status.has_value() || options.state.has_value() ||
      options.original.verification_tag.has_value() || options.reply.verification_tag.has_value()) {
    return absl::FailedPreconditionError(
        "status, state and tags come from packets; mark, labels and timeout can be set");
  }
  ConntrackOptions selected = options;
  selected.zone = options.zone.value_or(0);
  const Selection selection(selected);
  ConntrackPrinter printer(invocation.output(), options);
  absl::Status failure;
  if (!selection.nothing()) {
    const absl::Status status =
        ForEachConnection(invocation, selection.filter(), [&](const v1::Connection& connection) {
          if (selection.Has(connection)) failure = Change(invocation, options, connection, printer);
          return failure.ok();
        });
    if (!status.ok()) return status;
  }
  printer.End();
  if (!failure.ok()) return failure;
  if (!options.quiet) TellCount(printer.printed(), "flow entries", "updated");
  return printer.printed() > 0 || options.quiet ? 0 : 1;
}

}  // namespace conntrack::cli
