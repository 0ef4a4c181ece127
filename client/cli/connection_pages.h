// Listings, page by page.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "client/cli/invocation.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {

// Big enough to keep the server busy, small enough to show something at once.
inline constexpr int32_t kPageSize = 2'000;

inline int RowsIn(const v1::ListConnectionsResponse& page) { return page.connections_size(); }
inline int RowsIn(const v1::ListClosedConnectionsResponse& page) { return page.events_size(); }

// Calls `visit` with page after page of a listing, until it returns false, `limit` rows
// came (0: no limit), the output is closed or a page cannot be had; that error is
// returned.
template <typename Request, typename Response, typename Method>
absl::Status ForEachPage(Invocation& invocation, Method method, Request request, uint64_t limit,
                         const std::function<bool(Response&)>& visit) {
  uint64_t left = limit == 0 ? UINT64_MAX : limit;
  do {
    request.set_page_size(static_cast<int32_t>(std::min<uint64_t>(left, kPageSize)));
    Response page;
    const absl::Status status = invocation.Call<v1::ConnectionService>(method, request, &page);
    if (!status.ok()) return status;
    left -= std::min<uint64_t>(left, static_cast<uint64_t>(RowsIn(page)));
    request.set_page_token(page.next_page_token());
    if (!visit(page)) return absl::OkStatus();
  } while (!request.page_token().empty() && left > 0 && !invocation.output().closed());
  return absl::OkStatus();
}

// The same of the connections that match a filter: calls `take` for each.
absl::Status ForEachConnection(Invocation& invocation, const std::string& filter,
                               const std::function<bool(const v1::Connection&)>& take);

}  // namespace conntrack::cli
