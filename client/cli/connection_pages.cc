#include "client/cli/connection_pages.h"

namespace conntrack::cli {

absl::Status ForEachConnection(Invocation& invocation, const std::string& filter,
                               const std::function<bool(const v1::Connection&)>& take) {
  v1::ListConnectionsRequest request;
  request.set_filter(filter);
  return ForEachPage<v1::ListConnectionsRequest, v1::ListConnectionsResponse>(
      invocation, &v1::ConnectionService::Stub::ListConnections, request, /*limit=*/0,
      [&](const v1::ListConnectionsResponse& page) {
        for (const v1::Connection& connection : page.connections()) {
          if (!take(connection)) return false;
        }
        invocation.output().Flush();
        return true;
      });
}

}  // namespace conntrack::cli
