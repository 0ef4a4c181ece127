// ConnectionWrites changes and ends connections by filter: UpdateConnections and
// DeleteConnections of ConnectionService.
//
// Thread-safe. A request runs in slices in the query threads, and changes 64
// connections at most under one lock.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "conntrack/v1/connection_service.pb.h"
#include "server/query_threads.h"
#include "server/server_clock.h"
#include "server/tracker/filter.h"
#include "server/tracker/tracker.h"
#include "server/write_access.h"

namespace conntrack {

// The change that a caller asks for. InvalidArgument, naming the field, when it is
// out of range, or when nothing is asked for.
absl::StatusOr<ConnectionRequest> FromWire(const v1::UpdateConnectionsRequest& request);

class ConnectionWrites {
 public:
  using CompileFilter = std::function<absl::StatusOr<Filter>(const std::string&)>;

  // The pointers must outlive this. `on_events` is called after events were made.
  ConnectionWrites(Tracker* tracker, const ServerClock* clock, QueryThreads* threads,
                   CompileFilter compile_filter, WriteAccess access,
                   std::function<void()> on_events);

  grpc::ServerUnaryReactor* Update(grpc::CallbackServerContext* context,
                                   const v1::UpdateConnectionsRequest* request,
                                   v1::UpdateConnectionsResponse* response);
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteConnectionsRequest* request,
                                   v1::DeleteConnectionsResponse* response);

 private:
  // A request under way.
  struct Work;

  template <typename Request>
  absl::StatusOr<std::shared_ptr<Work>> MakeWork(const Request& request,
                                                 const ConnectionRequest& change,
                                                 grpc::CallbackServerContext* context) const;
  grpc::ServerUnaryReactor* Run(const absl::StatusOr<std::shared_ptr<Work>>& work,
                                grpc::CallbackServerContext* context);
  // A slice of the work: true when there is more.
  bool Continue(Work* work);

  Tracker* const tracker_;
  const ServerClock* const clock_;
  QueryThreads* const threads_;
  const CompileFilter compile_filter_;
  const WriteAccess access_;
  const std::function<void()> on_events_;
};

}  // namespace conntrack
