// The sensor as a program: what it says and returns for each kind of input and
// of server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/integration/sensor/capture_writer.h"
#include "tests/integration/sensor/sensor_process.h"
#include "tests/testing/fake_ingest_server.h"

namespace conntrack {
namespace {

using testing::FakeIngestServer;
using ::testing::HasSubstr;
using testing::PcapHead;
using testing::PcapOfSyns;
using testing::PcapRecord;
using testing::RunSensor;
using testing::SensorProcess;
using testing::SensorResult;
using testing::StreamScript;
using testing::SummaryCount;
using testing::SynFrame;
using testing::WriteTemporary;

class SensorFileTest : public ::testing::Test {
 protected:
  SensorResult Read(const std::string& path, std::vector<std::string> more = {}) {
    return RunSensor(Arguments(path, std::move(more)));
  }

  std::vector<std::string> Arguments(const std::string& path, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--server", server_.address(), "--read", path, "-o",
                                          "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // Whether the server has applied `batches` batches, now or within seconds.
  bool WaitForBatches(size_t batches) {
    return server_.WaitFor([&] { return server_.applied_times().size() >= batches; });
  }

  FakeIngestServer server_;
};

TEST_F(SensorFileTest, WholeFileIsSentAndAcknowledged) {
  const SensorResult result =
      Read(WriteTemporary("whole.pcap", PcapOfSyns(10)), {"--zone", "7", "--sensor-id", "tap"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(SummaryCount(result, "read_packets"), 10);
  EXPECT_EQ(SummaryCount(result, "read_bytes"), 540);
  EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 10);
  EXPECT_EQ(SummaryCount(result, "sent_batches"), 1);
  ASSERT_EQ(server_.hellos().size(), 1u);
  EXPECT_EQ(server_.hellos()[0].zone(), 7u);
  EXPECT_EQ(server_.hellos()[0].sensor_id(), "tap");
  EXPECT_EQ(server_.hellos()[0].clock(), v1::CLOCK_PACKET);
  EXPECT_THAT(server_.hellos()[0].software(), HasSubstr("conntrack-sensor "));
  EXPECT_THAT(server_.applied_times(), ::testing::ElementsAre(1'700'000'000'000'000'000u));
}

TEST_F(SensorFileTest, LastHeartbeatClosesTheBooks) {
  const std::string arp(60, '\x08');
  EXPECT_EQ(Read(WriteTemporary("arp.pcap", PcapOfSyns(3) + PcapRecord(1, arp))).exit_code, 0);
  ASSERT_FALSE(server_.heartbeats().empty());
  const v1::SensorCounts counts = server_.heartbeats().back().counts();
  EXPECT_EQ(counts.captured_packets(), 4u);
  EXPECT_EQ(counts.filtered_packets(), 1u);
}

TEST_F(SensorFileTest, EmptyFileIsNoError) {
  const SensorResult result = Read(WriteTemporary("empty.pcap", PcapHead()));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(SummaryCount(result, "read_packets"), 0);
}

TEST_F(SensorFileTest, AbsentFileIsNamed) {
  const SensorResult result = Read("/no/such/file.pcap");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "conntrack-sensor: /no/such/file.pcap: No such file or directory\n");
  EXPECT_EQ(result.out, "");
}

TEST_F(SensorFileTest, FileThatIsNoCaptureIsRefused) {
  const SensorResult result = Read(WriteTemporary("text.pcap", "This is no capture at all.\n"));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("unknown file format"));
  EXPECT_EQ(Read(WriteTemporary("nothing.pcap", "")).exit_code, 2);
  EXPECT_EQ(Read(::testing::TempDir()).exit_code, 2);
}

TEST_F(SensorFileTest, UnknownLinkTypeIsNamed) {
  const SensorResult result = Read(WriteTemporary("usb.pcap", PcapHead(189)));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("link type 189 (USB_LINUX)"));
}

TEST_F(SensorFileTest, TruncatedFileIsSentUpToItsDamage) {
  std::string file = PcapOfSyns(10);
  file.resize(file.size() - 7);
  const SensorResult result = Read(WriteTemporary("truncated.pcap", file));
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("truncated dump file"));
  EXPECT_EQ(SummaryCount(result, "read_packets"), 9);
  EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 9);
}

TEST_F(SensorFileTest, FilterTakesOnlyWhatMatches) {
  const std::string path = WriteTemporary("filter.pcap", PcapOfSyns(10));
  EXPECT_EQ(SummaryCount(Read(path, {"--filter", "src port 1026"}), "read_packets"), 1);
  const SensorResult bad = Read(path, {"--filter", "sorc port"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, HasSubstr("filter \"sorc port\""));
}

TEST_F(SensorFileTest, WrongIpv4ChecksumsAreHintedAtAndCanBeIgnored) {
  std::string frame = SynFrame(9);
  frame[14 + 10] = 0x12;
  const std::string path = WriteTemporary("anonymised.pcap", PcapHead() + PcapRecord(1, frame));
  const SensorResult verified = Read(path);
  EXPECT_EQ(verified.exit_code, 0);
  EXPECT_THAT(verified.err, HasSubstr("1 of 1 packets have a wrong IPv4 header checksum"));
  EXPECT_EQ(SummaryCount(verified, "ipv4_checksum"), 1);
  const SensorResult ignored = Read(path, {"--checksum", "ignore"});
  EXPECT_EQ(ignored.err, "");
  EXPECT_EQ(SummaryCount(ignored, "acknowledged_packets"), 1);
}

TEST_F(SensorFileTest, StandardInputIsRead) {
  SensorProcess sensor(Arguments("-"));
  sensor.Write(PcapOfSyns(5));
  sensor.CloseInput();
  const SensorResult result = sensor.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 5);
  EXPECT_THAT(result.out, HasSubstr("\"input\":\"standard input\""));
}

TEST_F(SensorFileTest, SilentPipeHoldsNoBatchUp) {
  SensorProcess sensor(Arguments("-"));
  sensor.Write(PcapOfSyns(5));
  EXPECT_TRUE(WaitForBatches(1));  // Although the pipe stays open.
  sensor.Write(PcapRecord(1'700'000'001'000'000'000, SynFrame(9)));
  EXPECT_TRUE(WaitForBatches(2));
  sensor.CloseInput();
  EXPECT_EQ(SummaryCount(sensor.Wait(), "acknowledged_packets"), 6);
}

TEST_F(SensorFileTest, SignalEndsASilentPipe) {
  for (const int signal : {SIGINT, SIGTERM}) {
    SensorProcess sensor(Arguments("-"));
    const size_t before = server_.applied_times().size();
    sensor.Write(PcapOfSyns(5) + PcapHead());  // Ends inside a record.
    EXPECT_TRUE(WaitForBatches(before + 1));
    sensor.Signal(signal);
    const SensorResult result = sensor.Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 5);
  }
}

TEST_F(SensorFileTest, SignalEndsAPacedReplay) {
  // An hour between packets.
  SensorProcess sensor(Arguments(WriteTemporary("slow.pcap", PcapOfSyns(3, 3'600'000'000'000)),
                                 {"--speed", "recorded"}));
  EXPECT_TRUE(WaitForBatches(1));
  sensor.Signal(SIGTERM);
  const SensorResult result = sensor.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(SummaryCount(result, "read_packets"), 1);
  EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 1);
}

TEST_F(SensorFileTest, WelcomeLimitsTheBatch) {
  StreamScript script;
  script.edit_welcome = [](v1::Welcome* welcome) { welcome->set_batch_packets_max(4); };
  server_.Script(script);
  const SensorResult result = Read(WriteTemporary("limit.pcap", PcapOfSyns(10)));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(SummaryCount(result, "sent_batches"), 3);
}

TEST_F(SensorFileTest, BrokenConnectionLosesNothing) {
  StreamScript script;
  script.kill_at_batch = 3;
  server_.Script(script);
  const SensorResult result =
      Read(WriteTemporary("broken.pcap", PcapOfSyns(100)), {"--batch-packets", "10"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 100);
  EXPECT_EQ(SummaryCount(result, "connects"), 2);
  EXPECT_EQ(server_.applied_times().size(), 10u);
}

TEST_F(SensorFileTest, RejectedBatchIsReported) {
  server_.Reject({2});
  const SensorResult result =
      Read(WriteTemporary("rejected.pcap", PcapOfSyns(30)), {"--batch-packets", "10"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("rejected batch 2 with 10 packets"));
  EXPECT_EQ(SummaryCount(result, "rejected_packets"), 10);
  EXPECT_EQ(SummaryCount(result, "acknowledged_packets"), 20);
}

TEST_F(SensorFileTest, RefusedHelloIsReported) {
  StreamScript script;
  script.refuse = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "zone 0 has another clock");
  server_.Script(script);
  const SensorResult result = Read(WriteTemporary("refused.pcap", PcapOfSyns(3)));
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("zone 0 has another clock"));
}

TEST_F(SensorFileTest, AcksThatDoNotComeAreReported) {
  StreamScript script;
  script.ack = false;
  server_.Script(script);
  const SensorResult result =
      Read(WriteTemporary("unacked.pcap", PcapOfSyns(3)), {"--finish-timeout", "300"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_EQ(SummaryCount(result, "pending_packets"), 3);
  EXPECT_THAT(result.out, HasSubstr("\"ledger_error\":\"\""));
}

TEST_F(SensorFileTest, FullBufferWaitsUntilASignalGivesUp) {
  StreamScript script;
  script.ack = false;
  server_.Script(script);
  // 1 MiB of buffer is less than these packets need.
  SensorProcess sensor(Arguments(WriteTemporary("full.pcap", PcapOfSyns(60'000)),
                                 {"--buffer-bytes", "1048576", "--finish-timeout", "300"}));
  EXPECT_TRUE(WaitForBatches(5));
  sensor.Signal(SIGTERM);
  const SensorResult result = sensor.Wait();
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_GT(SummaryCount(result, "pending_packets"), 0);
  EXPECT_THAT(result.out, HasSubstr("\"ledger_error\":\"\""));
}

TEST(SensorWithoutServerTest, ServerThatDoesNotAnswerIsNamed) {
  // Port 1 of the loopback address has no server.
  const SensorResult result =
      RunSensor({"--server", "127.0.0.1:1", "--read", WriteTemporary("a.pcap", PcapOfSyns(1)),
                 "--connect-timeout", "200"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("server 127.0.0.1:1 did not answer within 200 ms"));
}

TEST(SensorWithoutServerTest, AbsentInterfaceIsNamed) {
  const SensorResult result = RunSensor({"--interface", "no-such-if0"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("interface no-such-if0"));
}

TEST(SensorWithoutServerTest, AbsentTlsFileIsNamed) {
  const SensorResult result =
      RunSensor({"--read", WriteTemporary("b.pcap", PcapOfSyns(1)), "--tls-ca", "/no/such/ca.pem"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("/no/such/ca.pem"));
}

}  // namespace
}  // namespace conntrack
