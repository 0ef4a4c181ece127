// conntrack-server as an operator meets it: exit codes, signals, one line for
// what is wrong.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "conntrack/v1/admin_service.grpc.pb.h"
#include "conntrack/v1/ingest_service.grpc.pb.h"
#include "tests/integration/server/byte_call.h"
#include "tests/testing/local_server.h"
#include "tests/testing/server_process.h"

namespace conntrack {
namespace {

using testing::CheckHealth;
using testing::Health;
using testing::LocalServer;
using testing::ServerProcess;
using Texts = std::vector<std::string>;

const Texts kLocal = {"--listen=127.0.0.1:0", "--metrics-listen="};

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
}

// A stream that its client does not mean to end.
struct OpenStream {
  explicit OpenStream(const std::string& address)
      : channel(ChannelTo(address)),
        stub(v1::IngestService::NewStub(channel)),
        stream(stub->Ingest(&context)) {
    v1::IngestRequest request;
    request.mutable_hello()->set_sensor_id("edge-1");
    request.mutable_hello()->set_session_id("session-1");
    request.mutable_hello()->set_first_sequence(1);
    EXPECT_TRUE(stream->Write(request));
    v1::IngestResponse response;
    EXPECT_TRUE(stream->Read(&response));
  }
  ~OpenStream() {
    context.TryCancel();
    stream->Finish();
  }

  grpc::ClientContext context;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::IngestService::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream;
};

class EndSignalTest : public ::testing::TestWithParam<int> {};

TEST_P(EndSignalTest, DrainsAndEndsWithZero) {
  ServerProcess server(kLocal);
  const std::string address = server.WaitForAddress();
  EXPECT_EQ(CheckHealth(ChannelTo(address), ""), Health::kServing);
  server.Signal(GetParam());
  EXPECT_EQ(server.Wait(), 0) << server.error_text();
}

INSTANTIATE_TEST_SUITE_P(Signals, EndSignalTest, ::testing::Values(SIGTERM, SIGINT));

TEST(ProcessTest, AStreamThatStaysIsCancelledAfterTheDrainTimeoutAndTheExitIsZero) {
  Texts arguments = kLocal;
  arguments.push_back("--drain-timeout=100ms");
  ServerProcess server(arguments);
  const OpenStream stream(server.WaitForAddress());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0) << server.error_text();
}

TEST(ProcessTest, ASecondSignalEndsADrainAtOnce) {
  Texts arguments = kLocal;
  arguments.push_back("--drain-timeout=1h");
  ServerProcess server(arguments);
  const OpenStream stream(server.WaitForAddress());
  server.Signal(SIGTERM);
  ASSERT_TRUE(server.WaitForLine("draining").has_value());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 128 + SIGTERM);
}

TEST(ProcessTest, WhatIsWrongIsOneLineAndExitOne) {
  const LocalServer other;
  struct Row {
    Texts arguments;
    Texts environment;
    std::string error;
  };
  const Row rows[] = {
      {{"--listen", other.address(), "--metrics-listen="},
       {},
       "cannot listen on " + other.address() + ": Address already in use"},
      {{"--listen=127.0.0.1:0", "--metrics-listen", other.address()},
       {},
       "cannot serve metrics on " + other.address() + ": Address already in use"},
      {{"--listen=0.0.0.0:0"},
       {},
       "listening on 0.0.0.0:0, which other hosts can reach, needs --tls-cert and --tls-key, or "
       "--insecure"},
      {{"--tls-cert=/nowhere.pem", "--tls-key=/nowhere.key"},
       {},
       "cannot read certificate /nowhere.pem: No such file or directory"},
      {{"--check-config", "--tls-cert=/nowhere.pem", "--tls-key=/nowhere.key"},
       {},
       "cannot read certificate /nowhere.pem: No such file or directory"},
      {{"--config=/nowhere.yaml"},
       {},
       "cannot read configuration file /nowhere.yaml: No such file or directory"},
      {{"--slot-count=3"}, {}, "slot_count 3 is not a power of two"},
      {{"--zone-max=3"}, {}, "unknown flag --zone-max; did you mean --zones-max?"},
      {{},
       {"CONNTRACK_SERVER_LISTENS=a:1"},
       "unknown environment variable CONNTRACK_SERVER_LISTENS; did you mean "
       "CONNTRACK_SERVER_LISTEN?"},
  };
  for (const Row& row : rows) {
    ServerProcess server(row.arguments, row.environment);
    EXPECT_EQ(server.Wait(), 1) << row.error;
    EXPECT_EQ(server.error_text(), "conntrack-server: " + row.error + "\n");
  }
}

// A file of a configuration, gone with the test.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text)
      : path_(::testing::TempDir() + "conntrack-" + std::to_string(getpid()) + ".yaml") {
    Write(text);
  }
  ~ConfigFile() { std::remove(path_.c_str()); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;

  void Write(const std::string& text) { std::ofstream(path_) << text; }
  std::string Flag() const { return "--config=" + path_; }

 private:
  const std::string path_;
};

TEST(ProcessTest, AHangupReloadsZonesAndLogAndSaysWhatNeedsARestart) {
  ConfigFile file("listen: 127.0.0.1:0\nmetrics_listen: ''\n");
  ServerProcess server({file.Flag()});
  const OpenStream zone_0(server.WaitForAddress());

  server.Signal(SIGHUP);
  EXPECT_TRUE(server.WaitForLine("info: reload: nothing is different").has_value());

  file.Write(
      "listen: 127.0.0.1:0\nmetrics_listen: ''\nsensors_max: 7\n"
      "zone_defaults: {connections_max: 1234}\nlog: {format: json}\n");
  server.Signal(SIGHUP);
  // The log has its new format by then.
  EXPECT_TRUE(server.WaitForLine("reload: changed log.format, zone_defaults.connections_max\"}")
                  .has_value());
  EXPECT_TRUE(server.WaitForLine("reload: only a restart changes sensors_max").has_value());
  v1::ListZonesResponse zones;
  grpc::ClientContext context;
  ASSERT_TRUE(v1::AdminService::NewStub(zone_0.channel)->ListZones(&context, {}, &zones).ok());
  ASSERT_EQ(zones.zones_size(), 1);
  EXPECT_EQ(zones.zones(0).settings().connections_max(), 1234u);

  file.Write("zone_defaults: {connections_max: many}\n");
  server.Signal(SIGHUP);
  const std::optional<std::string> error = server.WaitForLine("nothing was changed");
  ASSERT_TRUE(error.has_value());
  EXPECT_THAT(*error, ::testing::HasSubstr("zone_defaults.connections_max: "));
}

// The other end of sd_notify.
class NotifySocket {
 public:
  NotifySocket() : name_("conntrack-test-" + std::to_string(getpid())) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name_.begin(), name_.end(), address.sun_path + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
  }
  ~NotifySocket() { close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  std::string Variable() const { return "NOTIFY_SOCKET=@" + name_; }
  std::string Receive() {
    std::array<char, 256> text{};
    const ssize_t size = recv(fd_, text.data(), text.size(), 0);
    return std::string(text.data(), size < 0 ? 0 : static_cast<size_t>(size));
  }

 private:
  const std::string name_;
  const int fd_ = socket(AF_UNIX, SOCK_DGRAM, 0);
};

TEST(ProcessTest, TheSupervisorIsToldOfStartReloadAndEnd) {
  NotifySocket supervisor;
  ServerProcess server(kLocal, {supervisor.Variable()});
  EXPECT_EQ(supervisor.Receive(), "READY=1");
  EXPECT_NE(server.WaitForAddress(), "");
  server.Signal(SIGHUP);
  EXPECT_EQ(supervisor.Receive(), "RELOADING=1");
  EXPECT_EQ(supervisor.Receive(), "READY=1");
  server.Signal(SIGTERM);
  EXPECT_EQ(supervisor.Receive(), "STOPPING=1");
  EXPECT_EQ(server.Wait(), 0);
}

TEST(ProcessTest, TheEnvironmentIsRead) {
  ServerProcess server({}, {"CONNTRACK_SERVER_LISTEN=127.0.0.1:0",
                            "CONNTRACK_SERVER_METRICS_LISTEN=", "CONNTRACK_SERVER_LOG_FORMAT=json",
                            "CONNTRACK_SERVER_PORT=tcp://10.0.0.1:50051"});
  const std::optional<std::string> line = server.WaitForLine("serves gRPC");
  ASSERT_TRUE(line.has_value());
  EXPECT_THAT(*line, ::testing::StartsWith("{\"time\":\""));
  EXPECT_THAT(*line, ::testing::EndsWith("no metrics\"}"));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

}  // namespace
}  // namespace conntrack
