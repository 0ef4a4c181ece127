// AdminService answers operators (conntrack/v1/admin_service.proto): totals,
// zones and their settings, sensors, drain.
//
// Thread-safe. Reads counters only; UpdateZone takes all slot locks.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "conntrack/v1/admin_service.grpc.pb.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/tracker.h"
#include "server/watch_stats.h"
#include "server/write_access.h"

namespace conntrack {

struct AdminOptions {
  // Name and version of the server.
  std::string software;
  std::chrono::milliseconds drain_timeout{10'000};
  WriteAccess access;
  // Begins the end of the server; returns at once.
  std::function<void()> drain;
};

class AdminService final : public v1::AdminService::CallbackService {
 public:
  // The pointers must outlive this.
  AdminService(const AdminOptions& options, Tracker* tracker, const SensorRegistry* sensors,
               const ServerClock* clock, const WatchStats* watch_stats);

  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const v1::GetStatsRequest* request,
                                     v1::GetStatsResponse* response) override;
  grpc::ServerUnaryReactor* ListZones(grpc::CallbackServerContext* context,
                                      const v1::ListZonesRequest* request,
                                      v1::ListZonesResponse* response) override;
  grpc::ServerUnaryReactor* UpdateZone(grpc::CallbackServerContext* context,
                                       const v1::UpdateZoneRequest* request,
                                       v1::UpdateZoneResponse* response) override;
  grpc::ServerUnaryReactor* ListSensors(grpc::CallbackServerContext* context,
                                        const v1::ListSensorsRequest* request,
                                        v1::ListSensorsResponse* response) override;
  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context,
                                  const v1::DrainRequest* request,
                                  v1::DrainResponse* response) override;

 private:
  void ZoneToWire(ZoneIndex index, v1::Zone* out) const;
  absl::Status Update(const v1::UpdateZoneRequest& request, v1::UpdateZoneResponse* response);

  const AdminOptions options_;
  Tracker* const tracker_;
  const SensorRegistry* const sensors_;
  const ServerClock* const clock_;
  const WatchStats* const watch_stats_;
};

}  // namespace conntrack
