#include "client/cli/connection_pages.h"

#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

// Big enough to keep the server busy, small enough to show something at once.
constexpr int32_t kPageSize = 2'000;

}  // namespace

absl::Status ForEachConnection(Invocation& invocation, const std::string& filter,
                               const std::function<bool(const v1::Connection&)>& take) {
  v1::ListConnectionsRequest request;
  request.set_filter(filter);
  request.set_page_size(kPageSize);
  do {
    v1::ListConnectionsResponse page;
    const absl::Status status = invocation.Call<v1::ConnectionService>(
        &v1::ConnectionService::Stub::ListConnections, request, &page);
    if (!status.ok()) return status;
    for (const v1::Connection& connection : page.connections()) {
      if (!take(connection)) return absl::OkStatus();
    }
    invocation.output().Flush();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && !invocation.output().closed());
  return absl::OkStatus();
}

}  // namespace conntrack::cli
