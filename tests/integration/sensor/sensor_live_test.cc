// The sensor on a live interface: the loopback of a network namespace that only
// this test has. Needs the right to make one.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "tests/integration/sensor/sensor_process.h"
#include "tests/testing/fake_ingest_server.h"

namespace conntrack {
namespace {

using testing::FakeIngestServer;
using ::testing::HasSubstr;
using testing::SensorProcess;
using testing::SensorResult;
using testing::SummaryCount;

constexpr uint16_t kPort = 9'999;

// Moves the test into a new namespace whose loopback is up. False without the
// right to.
bool EnterNewNamespace() {
  if (unshare(CLONE_NEWNET) != 0) return false;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const bool up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  close(fd);
  return up;
}

class SensorLiveTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { isolated_ = EnterNewNamespace(); }

  void SetUp() override {
    if (!isolated_) GTEST_SKIP() << "needs the right to make a network namespace";
    server_ = std::make_unique<FakeIngestServer>();
    socket_ = socket(AF_INET, SOCK_DGRAM, 0);
  }

  void TearDown() override {
    if (socket_ >= 0) close(socket_);
  }

  std::vector<std::string> Arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "--server", server_->address(), "--filter", "udp port " + std::to_string(kPort), "-o",
        "json",     "--sensor-id",      "tap"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  void SendDatagrams(int count) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kPort);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(
          sendto(socket_, "ping", 4, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
          4);
    }
  }

  // What the latest heartbeat says was captured.
  uint64_t Captured() const {
    const std::vector<v1::Heartbeat> heartbeats = server_->heartbeats();
    return heartbeats.empty() ? 0 : heartbeats.back().counts().captured_packets();
  }

  static bool isolated_;
  std::unique_ptr<FakeIngestServer> server_;
  int socket_ = -1;
};

bool SensorLiveTest::isolated_ = false;

TEST_F(SensorLiveTest, PacketsReachTheServerWhileTheyFlow) {
  SensorProcess sensor(Arguments({"--interface", "lo"}));
  // The first heartbeat says that the capture runs.
  ASSERT_TRUE(server_->WaitFor([&] { return !server_->heartbeats().empty(); }));
  SendDatagrams(20);
  EXPECT_TRUE(server_->WaitFor([&] { return !server_->applied_times().empty(); }));
  EXPECT_TRUE(server_->WaitFor([&] { return Captured() == 20; }));
  sensor.Signal(SIGTERM);
  const SensorResult result = sensor.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(SummaryCount(result, "read_packets"), 20);
  EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 20);
  EXPECT_EQ(SummaryCount(result, "kernel_dropped_packets"), 0);
  EXPECT_EQ(server_->hellos()[0].clock(), v1::CLOCK_SERVER);
  EXPECT_EQ(server_->heartbeats().back().time_unix_ns(), 0u);
}

TEST_F(SensorLiveTest, PacketClockIsMovedByHeartbeats) {
  SensorProcess sensor(Arguments({"--interface", "lo", "--clock", "packet"}));
  ASSERT_TRUE(server_->WaitFor([&] { return server_->heartbeats().size() >= 2; }));
  const std::vector<v1::Heartbeat> heartbeats = server_->heartbeats();
  EXPECT_GT(heartbeats[0].time_unix_ns(), 1'600'000'000'000'000'000u);
  EXPECT_GT(heartbeats[1].time_unix_ns(), heartbeats[0].time_unix_ns());
  sensor.Signal(SIGINT);
  EXPECT_EQ(sensor.Wait().exit_code, 0);
}

TEST_F(SensorLiveTest, AnyWarnsOfDuplicates) {
  SensorProcess sensor(Arguments({"--interface", "any"}));
  ASSERT_TRUE(server_->WaitFor([&] { return !server_->heartbeats().empty(); }));
  sensor.Signal(SIGTERM);
  const SensorResult result = sensor.Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("warning: 'any'"));
}

TEST_F(SensorLiveTest, BadFilterIsNamed) {
  const SensorResult result = testing::RunSensor({"--interface", "lo", "--filter", "porrt 3"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("filter \"porrt 3\""));
}

}  // namespace
}  // namespace conntrack
