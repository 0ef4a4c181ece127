// Server is the whole service in one object: tracker, gRPC services, health,
// reflection, metrics and expiry. main.cc adds signals, tests add nothing.
//
// A service plugs in as a ServiceBinding; MakeServices in server.cc lists them.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config.h"
#include "server/reload.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/tracker.h"
#include "server/watch_stats.h"

namespace grpc {
class Server;
class ServerBuilder;
}  // namespace grpc

namespace conntrack {

class ExpiryThread;
class GrpcMetrics;
class MetricsEndpoint;
class WatchService;

// How a service takes part in the life of a server. Called in this order, each
// once, by one thread at a time; what is not set is skipped.
struct ServiceBinding {
  // "conntrack.v1.AdminService": in health, metrics and reflection.
  std::string name;
  // Adds itself, and its completion queue if it has one. What is bound here
  // keeps the service alive.
  std::function<void(grpc::ServerBuilder*)> add;
  // The server has started.
  std::function<void()> start = nullptr;
  // Tells its streams to end, and refuses new ones with UNAVAILABLE.
  std::function<void()> begin_drain = nullptr;
  // The server is about to shut down: asks gRPC for no further call.
  std::function<void()> close = nullptr;
  // The server was shut down: no call is left.
  std::function<void()> stop = nullptr;
};

class Server {
 public:
  // Starts to serve. The error is one line for an operator: an address that is
  // taken or may not be listened on, a file that cannot be read, a setting that
  // is wrong. Nothing is left behind then.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerConfig& config);
  // Drains without waiting, unless Drain was called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens, also when the system chose the port; 0 for a Unix socket,
  // and for metrics that are switched off.
  uint16_t port() const { return port_; }
  uint16_t metrics_port() const;

  // Asks whoever is in WaitForDrainRequest to go on. Returns at once.
  void RequestDrain();
  void WaitForDrainRequest();

  // Ends the service: health says NOT_SERVING, streams are told, and calls have
  // the drain timeout to end; what is left is then cancelled. Returns when all
  // is over. Later calls do nothing.
  void Drain();

  // Takes over what can change while it runs: the log, and settings of zones.
  // Of zones that exist, those are changed whose settings differ between the
  // two configurations; a zone that a client changed meanwhile keeps that
  // otherwise. Says what changed, and what waits for a restart. The error of a
  // configuration that contradicts what cannot change; nothing is changed then.
  absl::StatusOr<ConfigChanges> Reload(const ServerConfig& next);

  Tracker& tracker() { return tracker_; }
  const SensorRegistry& sensors() const { return sensors_; }
  const ServerClock& clock() const { return clock_; }

 private:
  Server(const ServerConfig& config, const TrackerOptions& options);

  absl::Status Listen();
  ServiceBinding MakeIngest();
  ServiceBinding MakeConnections();
  ServiceBinding MakeAdmin();
  ServiceBinding MakeWatch();
  std::vector<ServiceBinding> MakeServices();
  // Events were made: streams that wait for some may look.
  void NotifyEvents();
  // What a zone is made with now.
  ZoneSettings SettingsOf(uint32_t zone);
  // Waits for streams for `timeout`, and for what is left for `grace`.
  void End(Duration timeout, Duration grace);

  // As it was started.
  const ServerConfig config_;
  const ServerClock clock_;
  Tracker tracker_;
  SensorRegistry sensors_;
  WatchStats watch_stats_;
  std::shared_ptr<GrpcMetrics> grpc_metrics_;
  std::shared_ptr<WatchService> watch_;
  std::vector<ServiceBinding> services_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<MetricsEndpoint> metrics_endpoint_;
  std::unique_ptr<ExpiryThread> expiry_;
  uint16_t port_ = 0;

  // With what was reloaded since.
  std::mutex reload_mutex_;
  ServerConfig running_config_;

  // One drain at a time.
  std::mutex drain_mutex_;
  bool drained_ = false;

  std::mutex request_mutex_;
  std::condition_variable requested_;
  bool drain_requested_ = false;
};

}  // namespace conntrack
