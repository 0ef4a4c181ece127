// ConnectionService answers questions about the connections that are open
// (conntrack/v1/connection_service.proto): check, convert, ask the tracker,
// convert.
//
// Thread-safe. A page holds a slot's lock for 256 places at a time.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

#include "conntrack/v1/connection_service.grpc.pb.h"
#include "server/convert.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/filter.h"
#include "server/tracker/tracker.h"

namespace conntrack {

class ConnectionService final : public v1::ConnectionService::CallbackService {
 public:
  // The pointers must outlive this.
  ConnectionService(Tracker* tracker, const SensorRegistry* sensors, const ServerClock* clock);

  grpc::ServerUnaryReactor* GetConnection(grpc::CallbackServerContext* context,
                                          const v1::GetConnectionRequest* request,
                                          v1::GetConnectionResponse* response) override;
  grpc::ServerUnaryReactor* ListConnections(grpc::CallbackServerContext* context,
                                            const v1::ListConnectionsRequest* request,
                                            v1::ListConnectionsResponse* response) override;
  grpc::ServerUnaryReactor* CountConnections(grpc::CallbackServerContext* context,
                                             const v1::CountConnectionsRequest* request,
                                             v1::CountConnectionsResponse* response) override;

 private:
  absl::Status Get(const v1::GetConnectionRequest& request, v1::GetConnectionResponse* response);
  absl::Status List(const v1::ListConnectionsRequest& request,
                    v1::ListConnectionsResponse* response);
  absl::Status Count(const v1::CountConnectionsRequest& request,
                     grpc::CallbackServerContext* context, v1::CountConnectionsResponse* response);
  absl::StatusOr<Filter> CompileFilter(const std::string& text) const;

  Tracker* const tracker_;
  const SensorRegistry* const sensors_;
  const ServerClock* const clock_;
  const WireContext wire_;
};

}  // namespace conntrack
