// Commands about all connections at once: -F, -C and -S.
#include "absl/strings/str_cat.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/tell.h"
#include "conntrack/v1/admin_service.grpc.pb.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {

absl::StatusOr<int> RunFlush(Invocation& invocation, const ConntrackOptions& options) {
  v1::DeleteConnectionsRequest request;
  request.set_all(true);
  v1::DeleteConnectionsResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::DeleteConnections, request, &response);
  if (!status.ok()) return status;
  if (!options.quiet) Tell("connection tracking table has been emptied.");
  return 0;
}

absl::StatusOr<int> RunCount(Invocation& invocation) {
  v1::CountConnectionsResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::CountConnections, v1::CountConnectionsRequest(), &response);
  if (!status.ok()) return status;
  invocation.output().Write(absl::StrCat(response.count(), "\n"));
  return 0;
}

absl::StatusOr<int> RunStats(Invocation& invocation) {
  v1::GetStatsResponse stats;
  const absl::Status status = invocation.Call<v1::AdminService>(&v1::AdminService::Stub::GetStats,
                                                                v1::GetStatsRequest(), &stats);
  if (!status.ok()) return status;
  // The server counts for all its threads together. What it cannot meet is 0: two
  // packets never make the same connection at once.
  invocation.output().Write(absl::StrCat(
      "cpu=0   \tfound=0 invalid=", stats.packets().invalid(), " insert=", stats.events().new_(),
      " insert_failed=0 drop=", stats.packets().table_full(), " early_drop=",
      stats.evicted_connections(), " error=0 search_restart=0 clash_resolve=0 chaintoolong=0 \n"));
  return 0;
}

}  // namespace conntrack::cli
