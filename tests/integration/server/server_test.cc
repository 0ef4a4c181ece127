// A whole server: what it listens on, what it says of itself, how it ends.
#include "server/server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "conntrack/v1/admin_service.grpc.pb.h"
#include "conntrack/v1/connection_service.grpc.pb.h"
#include "conntrack/v1/ingest_service.grpc.pb.h"
#include "conntrack/v1/watch_service.grpc.pb.h"
#include "server/batch_scheduling.h"
#include "tests/integration/server/byte_call.h"
#include "tests/testing/local_server.h"

namespace conntrack {
namespace {

using testing::ByteCall;
using testing::CheckHealth;
using ::testing::HasSubstr;
using testing::Health;
using testing::LocalConfig;
using testing::LocalServer;

constexpr const char* kServices[] = {"conntrack.v1.IngestService", "conntrack.v1.ConnectionService",
                                     "conntrack.v1.WatchService", "conntrack.v1.AdminService"};

std::string ErrorOf(const ServerConfig& config) {
  return std::string(Server::Start(config).status().message());
}

v1::IngestRequest Hello() {
  v1::IngestRequest request;
  request.mutable_hello()->set_sensor_id("edge-1");
  request.mutable_hello()->set_session_id("session-1");
  request.mutable_hello()->set_first_sequence(1);
  return request;
}

// Threads of this process.
size_t CountThreads(int policy) {
  size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    count += sched_getscheduler(std::stoi(task.path().filename())) == policy ? 1 : 0;
  }
  return count;
}

// Runs in a new thread of this policy. False when the system allows no change.
bool RunUnder(int policy, const std::function<void()>& function) {
  bool allowed = false;
  std::thread([&] {
    const sched_param parameters = {};
    allowed = sched_setscheduler(0, SCHED_BATCH, &parameters) == 0 &&
              sched_setscheduler(0, policy, &parameters) == 0;
    if (allowed) function();
  }).join();
  return allowed;
}

TEST(ServerTest, ItsThreadsAreBatchThreads) {
  const bool allowed = RunUnder(SCHED_OTHER, [] {
    const size_t before = CountThreads(SCHED_BATCH);
    const LocalServer server;
    EXPECT_EQ(CheckHealth(server.NewChannel(), ""), Health::kServing);
    // Accepting streams, following events, expiry, and gRPC's at least.
    EXPECT_GE(CountThreads(SCHED_BATCH), before + 5);
    EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  });
  if (!allowed) GTEST_SKIP() << "the system allows no other policy";
}

TEST(ServerTest, WhoStartsItWithAPolicyKeepsThat) {
  const bool allowed = RunUnder(SCHED_IDLE, [] {
    {
      const BatchScheduling scheduling;
      EXPECT_EQ(sched_getscheduler(0), SCHED_IDLE);
    }
    EXPECT_EQ(sched_getscheduler(0), SCHED_IDLE);
  });
  if (!allowed) GTEST_SKIP() << "the system allows no other policy";
}

TEST(ServerTest, PortZeroBecomesAPortOfTheSystemsChoice) {
  const LocalServer first;
  LocalServer second;
  EXPECT_NE(second.server().port(), 0);
  EXPECT_NE(first.address(), second.address());
  EXPECT_EQ(second.server().metrics_port(), 0);
}

TEST(ServerTest, HealthIsServingAsAWholeAndForEachService) {
  const LocalServer server;
  EXPECT_EQ(CheckHealth(server.NewChannel(), ""), Health::kServing);
  for (const char* service : kServices) {
    EXPECT_EQ(CheckHealth(server.NewChannel(), service), Health::kServing) << service;
  }
  ByteCall unknown(server.NewChannel(), "/grpc.health.v1.Health/Check",
                   testing::HealthRequest("conntrack.v1.NoService"));
  EXPECT_EQ(unknown.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(ServerTest, ReflectionListsTheServices) {
  const LocalServer server;
  // ServerReflectionRequest.list_services is field 7.
  ByteCall call(server.NewChannel(),
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*");
  const std::optional<std::string> answer = call.Receive();
  ASSERT_TRUE(answer.has_value());
  for (const char* service : kServices) EXPECT_THAT(*answer, HasSubstr(service));
  EXPECT_THAT(*answer, HasSubstr("grpc.health.v1.Health"));
}

TEST(ServerTest, ATakenPortIsAnErrorThatNamesIt) {
  const LocalServer server;
  ServerConfig config = LocalConfig();
  config.listen = server.address();
  EXPECT_EQ(ErrorOf(config), "cannot listen on " + server.address() + ": Address already in use");
}

TEST(ServerTest, ATakenMetricsPortIsAnErrorThatNamesIt) {
  const LocalServer server;
  ServerConfig config = LocalConfig();
  config.metrics_listen = server.address();
  EXPECT_EQ(ErrorOf(config),
            "cannot serve metrics on " + server.address() + ": Address already in use");
}

TEST(ServerTest, AnUnknownHostIsAnErrorThatNamesIt) {
  ServerConfig config = LocalConfig();
  config.listen = "no-such-host.invalid:1";
  EXPECT_THAT(ErrorOf(config), HasSubstr("unknown host no-such-host.invalid: "));
}

TEST(ServerTest, AUnixSocketIsServedAndIsTakenOnlyWhileItIs) {
  std::string directory = ::testing::TempDir() + "conntrack-server-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  ServerConfig config = LocalConfig();
  config.listen = "unix:" + directory + "/ct.sock";
  {
    const LocalServer server(config);
    const auto channel = grpc::CreateChannel(config.listen, grpc::InsecureChannelCredentials());
    EXPECT_EQ(CheckHealth(channel, ""), Health::kServing);
    EXPECT_EQ(ErrorOf(config), "cannot listen on " + config.listen + ": Address already in use");
  }
  const LocalServer again(config);
  EXPECT_EQ(again.address(), "127.0.0.1:0");
  unlink((directory + "/ct.sock").c_str());
  rmdir(directory.c_str());
}

TEST(ServerTest, ListeningOffLoopbackNeedsTlsOrInsecure) {
  ServerConfig config = LocalConfig();
  config.listen = "0.0.0.0:0";
  EXPECT_EQ(ErrorOf(config),
            "listening on 0.0.0.0:0, which other hosts can reach, needs --tls-cert and --tls-key, "
            "or --insecure");
  config.insecure = true;
  const LocalServer server(config);
  EXPECT_EQ(CheckHealth(server.NewChannel(), ""), Health::kServing);
}

TEST(ServerTest, AMessageAboveTheLimitIsRefused) {
  ServerConfig config = LocalConfig();
  config.message_bytes_max = 65'536;
  const LocalServer server(config);
  const auto stub = v1::AdminService::NewStub(server.NewChannel());
  v1::UpdateZoneRequest request;
  request.mutable_update_mask()->add_paths(std::string(100'000, 'a'));
  v1::UpdateZoneResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(stub->UpdateZone(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST(ServerTest, ADrainTurnsHealthAndEndsStreams) {
  LocalServer server;
  const auto channel = server.NewChannel();
  ByteCall health(channel, "/grpc.health.v1.Health/Watch", "");
  EXPECT_EQ(testing::ParseHealth(health.Receive()), Health::kServing);
  const auto watch_stub = v1::WatchService::NewStub(channel);
  grpc::ClientContext watch_context;
  v1::WatchRequest watch_request;
  watch_request.set_snapshot(true);
  const auto watch = watch_stub->Watch(&watch_context, watch_request);
  v1::WatchResponse response;
  ASSERT_TRUE(watch->Read(&response));
  const auto ingest_stub = v1::IngestService::NewStub(channel);
  grpc::ClientContext ingest_context;
  const auto ingest = ingest_stub->Ingest(&ingest_context);
  ASSERT_TRUE(ingest->Write(Hello()));
  v1::IngestResponse answer;
  ASSERT_TRUE(ingest->Read(&answer));
  ASSERT_TRUE(answer.has_welcome());

  auto drained = std::async(std::launch::async, [&] { server.server().Drain(); });

  EXPECT_EQ(testing::ParseHealth(health.Receive()), Health::kNotServing);
  // The sensor is told, and ends its stream as it should.
  while (ingest->Read(&answer) && !answer.has_draining()) {
  }
  EXPECT_TRUE(answer.has_draining());
  ingest->WritesDone();
  while (ingest->Read(&answer)) {
  }
  EXPECT_TRUE(ingest->Finish().ok());
  while (watch->Read(&response)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  drained.get();
}

// gRPC's own word for a call that comes while its server shuts down is CANCELLED.
TEST(ServerTest, WhoCallsAllTheTimeIsToldUnavailable) {
  LocalServer server;
  const auto stub = v1::ConnectionService::NewStub(server.NewChannel());
  std::promise<void> called;
  auto code = std::async(std::launch::async, [&] {
    v1::CountConnectionsResponse response;
    for (bool first = true;; first = false) {
      grpc::ClientContext context;
      const grpc::Status status = stub->CountConnections(&context, {}, &response);
      if (first) called.set_value();
      if (!status.ok()) return status.error_code();
    }
  });
  called.get_future().wait();
  server.server().Drain();
  EXPECT_EQ(code.get(), grpc::StatusCode::UNAVAILABLE);
}

TEST(ServerTest, AStreamThatDoesNotEndIsEndedAfterTheDrainTimeout) {
  ServerConfig config = LocalConfig();
  config.drain_timeout = std::chrono::milliseconds(100);
  LocalServer server(config);
  const auto stub = v1::IngestService::NewStub(server.NewChannel());
  grpc::ClientContext context;
  const auto ingest = stub->Ingest(&context);
  ASSERT_TRUE(ingest->Write(Hello()));
  v1::IngestResponse answer;
  ASSERT_TRUE(ingest->Read(&answer));

  server.server().Drain();

  while (ingest->Read(&answer)) {
  }
  EXPECT_FALSE(ingest->Finish().ok());
}

TEST(ServerTest, ADrainByCallWakesWhoWaitsForIt) {
  LocalServer server;
  const auto stub = v1::AdminService::NewStub(server.NewChannel());
  v1::DrainResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->Drain(&context, {}, &response).ok());
  EXPECT_EQ(response.grace().seconds(), 10);
  server.server().WaitForDrainRequest();
  server.server().Drain();
  server.server().Drain();
}

TEST(ServerTest, ConnectionsExpireOnTheServersClock) {
  ServerConfig config = LocalConfig();
  config.expiry_interval = std::chrono::milliseconds(1);
  config.zones[7] = config.zone_defaults;
  config.zones[7].udp = std::chrono::milliseconds(1);
  LocalServer server(config);
  Tracker& tracker = server.server().tracker();
  const auto zone = tracker.OpenZone(7, ZoneClock::kServer, config.SettingsOf(7));
  ASSERT_TRUE(zone.ok());
  const auto watch_stub = v1::WatchService::NewStub(server.NewChannel());
  grpc::ClientContext context;
  const auto watch = watch_stub->Watch(&context, {});
  Packet packet = {};
  packet.family = Family::kIpv4;
  packet.protocol = kProtocolUdp;
  packet.source = Ipv4Address(0x0A000001);
  packet.destination = Ipv4Address(0x0A000002);
  packet.time = server.server().clock().Now();
  Verdict verdict;
  tracker.Process({*zone, packet.time, 0}, {&packet, 1}, {&verdict, 1});
  ASSERT_EQ(verdict.kind, VerdictKind::kNew);

  // The watcher may have begun after the packet, but hears of the end.
  v1::WatchResponse response;
  bool ended = tracker.connections() == 0;
  while (!ended && watch->Read(&response)) ended = tracker.connections() == 0;
  EXPECT_TRUE(ended);
  context.TryCancel();
  watch->Finish();
}

}  // namespace
}  // namespace conntrack
