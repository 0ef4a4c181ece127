// conntrackctl drain: ends the server as SIGTERM does.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/cli/answer.h"
#include "client/cli/duration.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/admin_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

absl::Status Drain(Invocation& invocation) {
  v1::DrainResponse response;
  const absl::Status status = invocation.Call<v1::AdminService>(&v1::AdminService::Stub::Drain,
                                                                v1::DrainRequest(), &response);
  if (!status.ok()) return status;
  PrintAnswer(invocation, response, {{"SERVER"}, {"EXITS WITHIN", true}}, [&](Table* table) {
    table->Add({invocation.server(), DurationText(response.grace())});
  });
  return absl::OkStatus();
}

}  // namespace

void AddDrainVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb =
      invocation.AddVerb(app, "drain", "End the server: it tells its clients, waits, and exits",
                         [&invocation] { return Drain(invocation); });
  invocation.SetManual(*verb, {{"conntrackctl drain", "ends the server"}});
}

}  // namespace conntrack::cli
