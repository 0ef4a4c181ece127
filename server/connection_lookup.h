// LookupConnections: columns of tuples in, columns of what is known of them out.
//
// Thread-safe. A tuple costs some hundred nanoseconds.
#pragma once

#include "absl/status/status.h"
#include "conntrack/v1/connection_service.pb.h"
#include "server/tracker/tracker.h"

namespace conntrack {

// Most tuples of a request.
inline constexpr size_t kLookupTuplesMax = 4096;

// InvalidArgument, naming the column, when the columns do not fit each other.
absl::Status Lookup(Tracker* tracker, Time server_now, const v1::LookupConnectionsRequest& request,
                    v1::LookupConnectionsResponse* response);

}  // namespace conntrack
