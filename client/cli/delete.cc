// conntrackctl delete and flush: ends connections.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

struct DeleteOptions {
  FilterFlags filter;
  bool all = false;
  bool dry_run = false;
};

absl::Status Delete(Invocation& invocation, const DeleteOptions& options) {
  const auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  v1::DeleteConnectionsRequest request;
  request.set_filter(*filter);
  request.set_all(options.all);
  request.set_dry_run(options.dry_run);
  v1::DeleteConnectionsResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::DeleteConnections, request, &response);
  if (!status.ok()) return status;
  PrintAnswer(
      invocation, response, {{"MATCHED", true}, {"DELETED", true}, {"DRY RUN"}}, [&](Table* table) {
        const std::string matched = absl::StrCat(response.matched_connections());
        table->Add({matched, options.dry_run ? "0" : matched, options.dry_run ? "yes" : "no"});
      });
  return absl::OkStatus();
}

}  // namespace

void AddDeleteVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<DeleteOptions>();
  CLI::App* verb =
      invocation.AddVerb(app, "delete", "End the connections that match",
                         [&invocation, options] { return Delete(invocation, *options); });
  AddWriteFilterFlags(*verb, &options->filter, &options->all, &options->dry_run);
  invocation.SetManual(
      *verb,
      {{"conntrackctl delete -p tcp --state TIME_WAIT --dry-run", "how many there are"},
       {"conntrackctl delete -p icmp", "all pings"},
       {"conntrackctl delete", "everything takes --all", kExitUsage}},
      "A later packet of a connection that was ended may begin another one.");
}

void AddFlushVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<DeleteOptions>();
  options->all = true;
  CLI::App* verb =
      invocation.AddVerb(app, "flush", "End all connections, as delete --all does",
                         [&invocation, options] { return Delete(invocation, *options); });
  verb->add_flag("--dry-run", options->dry_run, "Only count what would be ended");
  invocation.SetManual(*verb, {{"conntrackctl flush --dry-run", "how many there are"}});
}

}  // namespace conntrack::cli
