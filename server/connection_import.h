// ConnectionImport is one ImportConnections call.
//
// A message is read when the one before was imported, in the query threads.
#pragma once

#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "conntrack/v1/connection_service.pb.h"
#include "server/query_threads.h"
#include "server/sensors.h"
#include "server/server_clock.h"
#include "server/tracker/tracker.h"
#include "server/write_access.h"

namespace conntrack {

class ConnectionImport final : public grpc::ServerReadReactor<v1::ImportConnectionsRequest> {
 public:
  // Imports that may be under way at the same time.
  static constexpr int kImportsMax = 8;
  // Connections that are told of when they are not imported.
  static constexpr int kRejectedMax = 100;

  // What it needs of its service; the pointers must outlive the call.
  struct Options {
    Tracker* tracker;
    const SensorRegistry* sensors;
    const ServerClock* clock;
    QueryThreads* threads;
    std::function<ZoneSettings(uint32_t)> zone_settings;
    WriteAccess access;
    std::function<void()> on_events;
    // Imports under way.
    std::atomic<int>* importing;
  };

  // Begins a call, or ends it at once when the caller may not write. It deletes
  // itself.
  static ConnectionImport* Start(const Options& options, grpc::CallbackServerContext* context,
                                 v1::ImportConnectionsResponse* response);

  void OnReadDone(bool ok) override;
  void OnDone() override;

 private:
  ConnectionImport(const Options& options, grpc::CallbackServerContext* context,
                   v1::ImportConnectionsResponse* response);
  ~ConnectionImport() override;

  // Imports what was read.
  void ImportRead();
  // UNSPECIFIED when it was imported; otherwise `*detail` has words, if there are
  // any.
  v1::ImportRejection Import(const v1::Connection& connection, std::string* detail);
  void End();

  const Options options_;
  grpc::CallbackServerContext* const context_;
  v1::ImportConnectionsResponse* const response_;
  v1::ImportConnectionsRequest request_;
  // Place of the next connection in the stream.
  uint64_t index_ = 0;
  // By ImportRejection; that of UNSPECIFIED counts the imported ones.
  std::array<uint64_t, v1::ImportRejection_ARRAYSIZE> counts_ = {};
};

}  // namespace conntrack
