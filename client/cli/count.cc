// conntrackctl count: how many connections match.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/filter_flags.h"
#include "client/cli/format_json.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

absl::Status Count(Invocation& invocation, const FilterFlags& flags) {
  auto filter = FilterText(flags);
  if (!filter.ok()) return filter.status();
  v1::CountConnectionsRequest request;
  request.set_filter(*filter);
  v1::CountConnectionsResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::CountConnections, request, &response);
  if (!status.ok()) return status;
  switch (invocation.format()) {
    case Format::kJson:
      invocation.output().Write(JsonText(response));
      break;
    case Format::kJsonLines:
      invocation.output().Write(JsonLine(response) + "\n");
      break;
    default:
      invocation.output().Write(absl::StrCat(response.count(), "\n"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddCountVerb(CLI::App& app, Invocation& invocation) {
  auto flags = std::make_shared<FilterFlags>();
  CLI::App* verb = invocation.AddVerb(app, "count", "Count the connections that are open",
                                      [&invocation, flags] { return Count(invocation, *flags); });
  AddFilterFlags(*verb, flags.get());
  verb->footer(
      "\nExample:\n"
      "  conntrackctl count -p tcp --state SYN_SENT --filter 'age > 60s'\n"
      "\nOptions of every command: conntrackctl --help\n");
}

}  // namespace conntrack::cli
