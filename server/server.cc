#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/access.h"
#include "server/address.h"
#include "server/admin_service.h"
#include "server/batch_scheduling.h"
#include "server/connection_service.h"
#include "server/credentials.h"
#include "server/expiry_thread.h"
#include "server/grpc_metrics.h"
#include "server/ingest_service.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/metrics_endpoint.h"
#include "server/process_metrics.h"
#include "server/tracker/check.h"
#include "server/version.h"
#include "server/watch_service.h"

namespace conntrack {
namespace {

// A peer that is gone is noticed after at most the sum of these two, and a
// client may ping as often as the third says.
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kPingIntervalMinMs = 5'000;
// At the end of a drain calls are refused until none has come for so long, and at most for
// so long.
constexpr std::chrono::milliseconds kQuiet{50};
constexpr std::chrono::milliseconds kQuietMax{250};
// Answers are pages of a size of their own, never above what clients take.
constexpr uint32_t kSendBytesMax = 4u << 20;
// After the last stream ended, or the drain timeout: for statuses on their way,
// health watches and reflection.
constexpr Duration kShutdownGrace = std::chrono::milliseconds(500);

// The secret keeps strangers from choosing addresses that collide in a table.
uint64_t MakeSecret() {
  uint64_t secret = 0;
  CT_CHECK(getrandom(&secret, sizeof(secret), 0) == sizeof(secret));
  return secret;
}

TrackerOptions MakeTrackerOptions(const ServerConfig& config) {
  TrackerOptions options;
  options.slot_count = config.slot_count;
  options.slot_hash_seed = config.slot_hash_seed;
  options.table_secret = MakeSecret();
  options.epoch = std::chrono::duration_cast<std::chrono::microseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
  options.zones_max = config.zones_max;
  options.event_bytes_max = config.event_bytes_max;
  options.zone_settings = config.zone_defaults;
  for (const BreakdownConfig& breakdown : config.breakdowns) {
    options.breakdowns.push_back(
        MakeBreakdownOptions(breakdown, config.breakdown_groups_max, config.slot_count));
  }
  return options;
}

std::chrono::milliseconds Millis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

// "host:port" as gRPC wants it.
std::string GrpcAddress(const ListenAddress& address) {
  if (address.is_unix()) return absl::StrCat("unix:", address.path);
  if (address.host.empty()) return absl::StrCat("[::]:", address.port);
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return is_v6 ? absl::StrCat("[", address.host, "]:", address.port)
               : absl::StrCat(address.host, ":", address.port);
}

WriteAccess MakeWriteAccess() {
  return {[](const grpc::CallbackServerContext& context) { return CheckMayWrite(context); },
          [](const grpc::CallbackServerContext& context, const std::string& what) {
            spdlog::info("{}: {}", CallerOf(context), what);
          }};
}

void SetLimits(const ServerConfig& config, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(static_cast<int>(config.message_bytes_max));
  builder->SetMaxSendMessageSize(
      static_cast<int>(std::max(config.message_bytes_max, kSendBytesMax)));
  // Otherwise a second server shares the port and takes half of the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                              static_cast<int>(config.connection_calls_max));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              kPingIntervalMinMs);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerConfig& config) {
  if (absl::Status status = config.Validate(); !status.ok()) return status;
  const TrackerOptions options = MakeTrackerOptions(config);
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  const BatchScheduling scheduling;
  std::unique_ptr<Server> server(new Server(config, options));
  if (absl::Status status = server->Listen(); !status.ok()) return status;
  return server;
}

Server::Server(const ServerConfig& config, const TrackerOptions& options)
    : config_(config),
      tracker_(options),
      sensors_(config.sensors_max),
      grpc_metrics_(std::make_shared<GrpcMetrics>()),
      running_config_(config) {}

Server::~Server() { End(Duration(0), Duration(0)); }

uint16_t Server::metrics_port() const {
  return metrics_endpoint_ == nullptr ? 0 : metrics_endpoint_->port();
}

ServiceBinding Server::MakeIngest() {
  IngestOptions options;
  options.streams_max = config_.streams_max;
  options.batch_packets_max = config_.batch_packets_max;
  options.message_bytes_max = config_.message_bytes_max;
  options.drain_timeout = Millis(config_.drain_timeout);
  options.software = Software();
  options.zone_settings = [this](uint32_t zone) { return SettingsOf(zone); };
  options.on_events = [this] { NotifyEvents(); };
  auto ingest = std::make_shared<IngestService>(options, &tracker_, &sensors_, &clock_);
  return {v1::IngestService::service_full_name(),
          [=](grpc::ServerBuilder* builder) { ingest->Register(builder); },
          [=] { ingest->Start(); },
          [=] { ingest->BeginDrain(); },
          [=] { ingest->Close(); },
          [=] { ingest->Stop(); }};
}

ServiceBinding Server::MakeWatch() {
  WatchOptions options;
  options.watchers_max = config_.watchers_max;
  options.matches_max = config_.watch_matches_max;
  watch_ = std::make_shared<WatchService>(options, &tracker_, &sensors_, &clock_, &watch_stats_);
  return {v1::WatchService::service_full_name(),
          [this](grpc::ServerBuilder* builder) { builder->RegisterService(watch_.get()); }, nullptr,
          [this] { watch_->BeginDrain(); }};
}

ServiceBinding Server::MakeAdmin() {
  AdminOptions options;
  options.software = Software();
  options.drain_timeout = Millis(config_.drain_timeout);
  options.access = MakeWriteAccess();
  options.drain = [this] { RequestDrain(); };
  auto admin =
      std::make_shared<AdminService>(options, &tracker_, &sensors_, &clock_, &watch_stats_);
  return {v1::AdminService::service_full_name(),
          [=](grpc::ServerBuilder* builder) { builder->RegisterService(admin.get()); }};
}

ServiceBinding Server::MakeConnections() {
  ConnectionServiceOptions options;
  options.access = MakeWriteAccess();
  options.on_events = [this] { NotifyEvents(); };
  options.zone_settings = [this](uint32_t zone) { return SettingsOf(zone); };
  auto connections = std::make_shared<ConnectionService>(options, &tracker_, &sensors_, &clock_);
  return {v1::ConnectionService::service_full_name(),
          [=](grpc::ServerBuilder* builder) { builder->RegisterService(connections.get()); }};
}

std::vector<ServiceBinding> Server::MakeServices() {
  // The order they drain in: sensors make the events that watchers wait for.
  return {MakeIngest(), MakeConnections(), MakeAdmin(), MakeWatch()};
}

void Server::NotifyEvents() { watch_->Notify(); }

absl::Status Server::Listen() {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(config_.listen);
  if (!address.ok()) return address.status();
  const auto credentials = MakeServerCredentials(config_);
  if (!credentials.ok()) return credentials.status();
  if (const absl::Status free = CheckFree(*address); !free.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", config_.listen, ": ", free.message()));
  }
  if (!config_.metrics_listen.empty()) {
    auto endpoint = MetricsEndpoint::Start(
        config_.metrics_listen, {std::make_shared<Metrics>(&tracker_, &sensors_, &watch_stats_,
                                                           config_.breakdown_series_max),
                                 grpc_metrics_, std::make_shared<ProcessMetrics>()});
    if (!endpoint.ok()) return endpoint.status();
    metrics_endpoint_ = *std::move(endpoint);
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(config_, &builder);
  int port = 0;
  builder.AddListeningPort(GrpcAddress(*address), *credentials, &port);
  services_ = MakeServices();
  grpc_metrics_->AddService("grpc.health.v1.Health");
  grpc_metrics_->AddService("grpc.reflection.v1alpha.ServerReflection");
  for (const ServiceBinding& service : services_) {
    grpc_metrics_->AddService(service.name);
    service.add(&builder);
  }
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> observers;
  observers.push_back(GrpcMetrics::MakeFactory(grpc_metrics_.get()));
  builder.experimental().SetInterceptorCreators(std::move(observers));
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) {
    const absl::Status free = CheckFree(*address);
    return absl::UnavailableError(absl::StrCat("cannot listen on ", config_.listen, ": ",
                                               free.ok() ? "gRPC refuses it" : free.message()));
  }
  port_ = address->is_unix() ? 0 : static_cast<uint16_t>(port);
  for (const ServiceBinding& service : services_) {
    if (service.start) service.start();
    grpc_server_->GetHealthCheckService()->SetServingStatus(service.name, true);
  }
  expiry_ = std::make_unique<ExpiryThread>(&tracker_, &clock_, config_.expiry_interval,
                                           [this] { NotifyEvents(); });
  return absl::OkStatus();
}

ZoneSettings Server::SettingsOf(uint32_t zone) {
  const std::lock_guard lock(reload_mutex_);
  return running_config_.SettingsOf(zone);
}

absl::StatusOr<ConfigChanges> Server::Reload(const ServerConfig& next) {
  const std::lock_guard lock(reload_mutex_);
  const ServerConfig merged = MergeReloadable(running_config_, next);
  if (absl::Status status = merged.Validate(); !status.ok()) return status;
  const ConfigChanges changes = CompareConfigs(running_config_, next);
  for (ZoneIndex index = 0; index < tracker_.zone_count(); ++index) {
    const uint32_t zone = tracker_.zone(index).id;
    if (running_config_.SettingsOf(zone) == merged.SettingsOf(zone)) continue;
    // Validated above.
    CT_CHECK(tracker_.SetZoneSettings(index, merged.SettingsOf(zone)).ok());
  }
  ChangeLog(merged.log);
  running_config_ = merged;
  return changes;
}

void Server::RequestDrain() {
  const std::lock_guard lock(request_mutex_);
  drain_requested_ = true;
  requested_.notify_all();
}

void Server::WaitForDrainRequest() {
  std::unique_lock lock(request_mutex_);
  requested_.wait(lock, [this] { return drain_requested_; });
}

void Server::Drain() { End(config_.drain_timeout, kShutdownGrace); }

void Server::End(Duration timeout, Duration grace) {
  const std::lock_guard lock(drain_mutex_);
  if (drained_ || grpc_server_ == nullptr) return;
  drained_ = true;
  // Its Shutdown also refuses later changes, so it is the last word.
  grpc_server_->GetHealthCheckService()->Shutdown();
  for (const ServiceBinding& service : services_) {
    if (service.begin_drain) service.begin_drain();
  }
  const uint64_t left = grpc_metrics_->WaitIdle(std::chrono::steady_clock::now() + timeout);
  if (left > 0 && timeout > Duration(0)) {
    spdlog::warn("{} calls did not end within the drain timeout", left);
  }
  if (timeout > Duration(0)) {
    grpc_metrics_->RefuseUntilQuiet(kQuiet, std::chrono::steady_clock::now() + kQuietMax);
  }
  for (const ServiceBinding& service : services_) {
    if (service.close) service.close();
  }
  grpc_server_->Shutdown(std::chrono::system_clock::now() + grace);
  for (const ServiceBinding& service : services_) {
    if (service.stop) service.stop();
  }
  expiry_.reset();
}

}  // namespace conntrack
