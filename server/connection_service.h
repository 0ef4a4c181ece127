// ConnectionService answers questions about the connections that are open and
// changes them (conntrack/v1/connection_service.proto): check, convert, ask the
// tracker, convert. What it does beyond Get, List and Count lies in files of its
// own.
//
// Thread-safe. Lists and counts run in threads of their own, and hold a slot's
// lock for some tens of microseconds at a time, less than 200 whatever is asked.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "conntrack/v1/connection_service.grpc.pb.h"
#include "server/connection_explain.h"
#include "server/connection_export.h"
#include "server/connection_import.h"
#include "server/connection_lookup.h"
#include "server/connection_writes.h"
#include "server/convert.h"
#include "server/query_threads.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/filter.h"
#include "server/tracker/groups.h"
#include "server/tracker/tracker.h"

namespace conntrack {

// Lists and exports give their bytes themselves; the other methods fill messages.
using ConnectionServiceLists = v1::ConnectionService::WithRawCallbackMethod_ListConnections<
    v1::ConnectionService::WithRawCallbackMethod_ListClosedConnections<
        v1::ConnectionService::WithRawCallbackMethod_ExportConnections<
            v1::ConnectionService::Service>>>;
using ConnectionServiceReads = v1::ConnectionService::WithCallbackMethod_GetConnection<
    v1::ConnectionService::WithCallbackMethod_CountConnections<
        v1::ConnectionService::WithCallbackMethod_LookupConnections<
            v1::ConnectionService::WithCallbackMethod_ExplainPacket<ConnectionServiceLists>>>>;
using ConnectionServiceMethods = v1::ConnectionService::WithCallbackMethod_UpdateConnections<
    v1::ConnectionService::WithCallbackMethod_DeleteConnections<
        v1::ConnectionService::WithCallbackMethod_ImportConnections<ConnectionServiceReads>>>;

struct ConnectionServiceOptions {
  WriteAccess access;
  // Called after events were made.
  std::function<void()> on_events;
  // Settings of a zone that an import makes.
  std::function<ZoneSettings(uint32_t)> zone_settings;
};

class ConnectionService final : public ConnectionServiceMethods {
 public:
  // The pointers must outlive this.
  ConnectionService(const ConnectionServiceOptions& options, Tracker* tracker,
                    const SensorRegistry* sensors, const ServerClock* clock);

  grpc::ServerUnaryReactor* GetConnection(grpc::CallbackServerContext* context,
                                          const v1::GetConnectionRequest* request,
                                          v1::GetConnectionResponse* response) override;
  grpc::ServerUnaryReactor* ListConnections(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListClosedConnections(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* CountConnections(grpc::CallbackServerContext* context,
                                             const v1::CountConnectionsRequest* request,
                                             v1::CountConnectionsResponse* response) override;
  grpc::ServerUnaryReactor* ExplainPacket(grpc::CallbackServerContext* context,
                                          const v1::ExplainPacketRequest* request,
                                          v1::ExplainPacketResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* ExportConnections(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* LookupConnections(grpc::CallbackServerContext* context,
                                              const v1::LookupConnectionsRequest* request,
                                              v1::LookupConnectionsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateConnections(grpc::CallbackServerContext* context,
                                              const v1::UpdateConnectionsRequest* request,
                                              v1::UpdateConnectionsResponse* response) override {
    return writes_.Update(context, request, response);
  }
  grpc::ServerUnaryReactor* DeleteConnections(grpc::CallbackServerContext* context,
                                              const v1::DeleteConnectionsRequest* request,
                                              v1::DeleteConnectionsResponse* response) override {
    return writes_.Delete(context, request, response);
  }
  grpc::ServerReadReactor<v1::ImportConnectionsRequest>* ImportConnections(
      grpc::CallbackServerContext* context, v1::ImportConnectionsResponse* response) override;

 private:
  struct Counting;

  absl::Status Get(const v1::GetConnectionRequest& request, v1::GetConnectionResponse* response);
  // A call that makes a page.
  template <typename Request, typename Listing>
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const grpc::ByteBuffer& request, grpc::ByteBuffer* response);
  absl::StatusOr<std::shared_ptr<Counting>> MakeCounting(
      const v1::CountConnectionsRequest& request);
  // A slice of the work: true when there is more.
  bool Count(Counting* counting);
  absl::StatusOr<Filter> CompileFilter(const std::string& text) const;

  const ConnectionServiceOptions options_;
  Tracker* const tracker_;
  const SensorRegistry* const sensors_;
  const ServerClock* const clock_;
  const WireContext wire_;
  // Counts under way that group.
  std::atomic<int> grouping_{0};
  // Exports and imports under way.
  std::atomic<int> exporting_{0};
  std::atomic<int> importing_{0};
  ConnectionWrites writes_;
  // Last, so that no query outlives what it reads.
  QueryThreads threads_;
};

}  // namespace conntrack
