// conntrackctl as a process, against the real services over a real socket.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <regex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "conntrack/channel.h"
#include "conntrack/ingest.h"
#include "conntrack/v1/admin_service.pb.h"
#include "server/admin_service.h"
#include "server/connection_service.h"
#include "server/ingest_service.h"
#include "server/watch_service.h"
#include "tests/testing/child_process.h"

namespace conntrack {
namespace {

using conntrack::testing::ChildProcess;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// All services of a server, without its shell.
class Services {
 public:
  Services()
      : sensors_(16),
        tracker_(TrackerOptions()),
        watch_({}, &tracker_, &sensors_, &clock_, &watch_stats_),
        ingest_(MakeIngestOptions(), &tracker_, &sensors_, &clock_),
        connections_({MakeAdminOptions().access, [this] { watch_.Notify(); },
                      [](uint32_t) { return ZoneSettings(); }},
                     &tracker_, &sensors_, &clock_),
        admin_(MakeAdminOptions(), &tracker_, &sensors_, &clock_, &watch_stats_) {
    int port = 0;
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    ingest_.Register(&builder);
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{&connections_, &watch_, &admin_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    ingest_.Start();
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  ~Services() {
    ingest_.BeginDrain();
    watch_.BeginDrain();
    server_->Shutdown(std::chrono::system_clock::now());
    ingest_.Stop();
  }

  const std::string& address() const { return address_; }
  void SetServing(bool serving) { server_->GetHealthCheckService()->SetServingStatus("", serving); }
  uint32_t watchers() const { return watch_stats_.watchers.load(); }

 private:
  IngestOptions MakeIngestOptions() {
    IngestOptions options;
    options.software = "conntrack-server test";
    options.zone_settings = [](uint32_t) { return ZoneSettings(); };
    options.on_events = [this] { watch_.Notify(); };
    return options;
  }

  AdminOptions MakeAdminOptions() {
    AdminOptions options;
    options.software = "conntrack-server test";
    options.access = {[](const grpc::CallbackServerContext&) { return absl::OkStatus(); },
                      [](const grpc::CallbackServerContext&, const std::string&) {}};
    options.drain = [] {};
    return options;
  }

  const ServerClock clock_;
  SensorRegistry sensors_;
  Tracker tracker_;
  WatchStats watch_stats_;
  WatchService watch_;
  IngestService ingest_;
  ConnectionService connections_;
  AdminService admin_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

constexpr uint32_t kClient = 0x0A000001;  // 10.0.0.1
constexpr uint32_t kServer = 0x0A000002;  // 10.0.0.2

struct Row {
  bool reply = false;
  uint32_t protocol = 0;
  uint32_t length = 0;
  uint32_t ports = 0;
  uint32_t tcp_flags = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  // TCP's window and data offset.
  uint32_t transport = 0;
};

void Add(const Row& row, v1::PacketBatch* batch) {
  batch->add_source(row.reply ? kServer : kClient);
  batch->add_destination(row.reply ? kClient : kServer);
  batch->add_ports(row.ports);
  batch->add_time_delta_ns(0);
  batch->add_kind(row.length << 16 | row.tcp_flags << 8 | row.protocol);
  batch->add_sequence(row.sequence);
  batch->add_acknowledgment(row.acknowledgment);
  batch->add_shape(5u << 16 | row.transport);
}

v1::PacketBatch NewBatch() {
  v1::PacketBatch batch;
  batch.set_layout(v1::PACKET_LAYOUT_IPV4);
  batch.set_base_time_unix_ns(1'700'000'000'000'000'000u);
  return batch;
}

// A TCP handshake, a UDP packet without answer, and an answered ping.
v1::PacketBatch Mixture() {
  constexpr uint32_t kTcp = 5u << 20 | 64'000;
  v1::PacketBatch batch = NewBatch();
  const uint32_t there = 40000u << 16 | 80;
  const uint32_t back = 80u << 16 | 40000;
  Add({false, 6, 40, there, 0x02, 1000, 0, kTcp}, &batch);
  Add({true, 6, 40, back, 0x12, 9000, 1001, kTcp}, &batch);
  Add({false, 6, 40, there, 0x10, 1001, 9001, kTcp}, &batch);
  Add({false, 17, 33, 5353u << 16 | 53}, &batch);
  Add({false, 1, 84, 8u << 24 | 77}, &batch);
  Add({true, 1, 84, 77}, &batch);
  return batch;
}

class ConntrackctlTest : public ::testing::Test {
 protected:
  // Feeds the batches as sensor "edge", which captured just these packets.
  void Feed(std::vector<v1::PacketBatch> batches) {
    client::ChannelOptions channel_options;
    channel_options.server = services_.address();
    client::IngestOptions options;
    options.sensor_id = "edge";
    options.software = "test 1";
    auto session = client::IngestSession::Start(*client::OpenChannel(channel_options), options);
    ASSERT_TRUE(session.ok()) << session.status();
    v1::Heartbeat heartbeat;
    uint64_t packets = 0;
    for (auto& batch : batches) {
      packets += static_cast<uint64_t>(batch.kind_size());
      ASSERT_TRUE((*session)->Send(std::move(batch)).ok());
    }
    heartbeat.mutable_counts()->set_captured_packets(packets);
    (*session)->Heartbeat(heartbeat);
    const absl::Status done = (*session)->Finish(seconds(10));
    ASSERT_TRUE(done.ok()) << done;
    ASSERT_THAT((*session)->rejections(), IsEmpty());
  }

  std::unique_ptr<ChildProcess> Start(std::vector<std::string> arguments) {
    arguments.push_back("--server");
    arguments.push_back(services_.address());
    return std::make_unique<ChildProcess>(CONNTRACKCTL, arguments);
  }

  // Runs to the end; the standard output. exit_code_ and errors_ are set.
  std::string Run(const std::vector<std::string>& arguments) {
    const auto process = Start(arguments);
    exit_code_ = process->Wait();
    errors_ = process->errors();
    return process->output();
  }

  std::vector<std::string> RunLines(const std::vector<std::string>& arguments) {
    std::vector<std::string> lines = absl::StrSplit(Run(arguments), '\n', absl::SkipEmpty());
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  void WaitForWatcher() {
    while (services_.watchers() == 0) std::this_thread::yield();
  }

  Services services_;
  int exit_code_ = -1;
  std::string errors_;
};

TEST_F(ConntrackctlTest, ListPrintsWhatConntrackWould) {
  Feed({Mixture()});
  std::vector<std::string> lines = RunLines({"list", "-o", "conntrack"});
  // How long ago the packets came is not the test's to say.
  for (std::string& line : lines) {
    line = std::regex_replace(line, std::regex("^(\\S+ +\\d+) \\d+"), "$1 T");
  }
  EXPECT_THAT(
      lines,
      ElementsAre("icmp     1 T src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 packets=1 bytes=84 "
                  "src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 packets=1 bytes=84 mark=0 use=1",
                  "tcp      6 T ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 "
                  "packets=2 bytes=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000 packets=1 "
                  "bytes=40 [ASSURED] mark=0 use=1",
                  "udp      17 T src=10.0.0.1 dst=10.0.0.2 sport=5353 dport=53 packets=1 bytes=33 "
                  "[UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=53 dport=5353 packets=0 bytes=0 "
                  "mark=0 use=1"));
  EXPECT_EQ(exit_code_, 0);
  EXPECT_EQ(errors_, "");
}

TEST_F(ConntrackctlTest, EveryFilterFlagIsUnderstoodByTheServer) {
  Feed({Mixture()});
  const auto count = [this](std::vector<std::string> flags) {
    flags.insert(flags.begin(), "count");
    return Run(flags) + errors_;
  };
  EXPECT_EQ(count({}), "3\n");
  EXPECT_EQ(count({"-p", "tcp"}), "1\n");
  EXPECT_EQ(count({"-p", "1"}), "1\n");
  EXPECT_EQ(count({"-p", "253"}), "0\n");
  EXPECT_EQ(count({"-s", "10.0.0.1"}), "3\n");
  EXPECT_EQ(count({"-s", "10.0.0.2"}), "0\n");
  EXPECT_EQ(count({"-s", "10.0.0.0/8", "-d", "10.0.0.2/32"}), "3\n");
  EXPECT_EQ(count({"-s", "::/0"}), "0\n");
  EXPECT_EQ(count({"--sport", "40000"}), "1\n");
  EXPECT_EQ(count({"--dport", "53"}), "1\n");
  EXPECT_EQ(count({"--state", "established"}), "1\n");
  EXPECT_EQ(count({"--state", "CLOSE"}), "0\n");
  EXPECT_EQ(count({"--zone", "0"}), "3\n");
  EXPECT_EQ(count({"--zone", "1"}), "0\n");
  EXPECT_EQ(count({"--assured"}), "1\n");
  EXPECT_EQ(count({"--unreplied"}), "1\n");
  EXPECT_EQ(count({"--filter", "protocol = UDP OR protocol = ICMP"}), "2\n");
  EXPECT_EQ(count({"--unreplied", "--filter", "protocol = TCP OR protocol = UDP"}), "1\n");
}

TEST_F(ConntrackctlTest, CountGroupsByFields) {
  Feed({Mixture()});
  EXPECT_EQ(Run({"count", "-p", "tcp", "--group-by", "original.source/8,state"}),
            "ORIGINAL.SOURCE/8  STATE        CONNECTIONS  PACKETS  BYTES\n"
            "10.0.0.0/8         ESTABLISHED            1        3    120\n");
  EXPECT_EQ(exit_code_, 0) << errors_;
  const std::string json =
      Run({"count", "--group-by", "family", "--top", "1", "--order-by", "packets", "-o", "jsonl"});
  EXPECT_NE(json.find("\"values\":[\"4\"],\"connections\":\"3\""), std::string::npos) << json;
  Run({"count", "--group-by", "port"});
  EXPECT_EQ(exit_code_, 2);
  EXPECT_NE(errors_.find("group_by \"port\" stands for two values"), std::string::npos) << errors_;
  Run({"count", "--top", "3"});
  EXPECT_EQ(exit_code_, 2);
}

TEST_F(ConntrackctlTest, ListPagesThroughEverything) {
  std::vector<v1::PacketBatch> batches;
  for (uint32_t port = 1; port <= 5'000; ++port) {
    if (port % 1'000 == 1) batches.push_back(NewBatch());
    Add({false, 17, 33, port << 16 | 53}, &batches.back());
  }
  Feed(std::move(batches));
  EXPECT_EQ(RunLines({"list", "-o", "jsonl"}).size(), 5'000u);
  EXPECT_EQ(RunLines({"list", "-o", "conntrack", "--limit", "2001"}).size(), 2'001u);
  EXPECT_EQ(RunLines({"list", "--limit", "10"}).size(), 11u);  // With the heading.
}

TEST_F(ConntrackctlTest, AReaderThatGoesAwayIsNoFailure) {
  std::vector<v1::PacketBatch> batches = {NewBatch()};
  for (uint32_t port = 1; port <= 4'000; ++port) {
    Add({false, 17, 33, port << 16 | 53}, &batches.back());
  }
  Feed(std::move(batches));
  const auto process = Start({"list", "-o", "json"});
  EXPECT_EQ(process->ReadLine(), "{\"connections\":[");
  process->CloseOutput();
  EXPECT_EQ(process->Wait(), 0);
  EXPECT_EQ(process->errors(), "");
}

TEST_F(ConntrackctlTest, GetFindsByEitherDirectionAndById) {
  Feed({Mixture()});
  const std::string by_original = Run({"get", "-p", "tcp", "-s", "10.0.0.1", "--sport", "40000",
                                       "-d", "10.0.0.2", "--dport", "80", "-o", "jsonl"});
  EXPECT_EQ(exit_code_, 0);
  Run({"get", "-p", "tcp", "-s", "10.0.0.2", "--sport", "80", "-d", "10.0.0.1", "--dport",
       "40000"});
  EXPECT_EQ(exit_code_, 0);
  std::smatch id;
  ASSERT_TRUE(std::regex_search(by_original, id, std::regex("\"id\":\"(\\d+)\"")));
  EXPECT_THAT(Run({"get", id[1]}), HasSubstr("10.0.0.1:40000  10.0.0.2:80"));
  EXPECT_EQ(exit_code_, 0);
  Run({"get", "-p", "icmp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--icmp-id", "77"});
  EXPECT_EQ(exit_code_, 0);
}

TEST_F(ConntrackctlTest, FailuresAreOneSentenceAndAnExitCode) {
  EXPECT_EQ(Run({"get", "1"}), "");
  EXPECT_EQ(exit_code_, 3);
  EXPECT_EQ(errors_, "conntrackctl: no such connection\n");

  Run({"list", "--filter", "foo = 1"});
  EXPECT_EQ(exit_code_, 2);
  EXPECT_EQ(errors_, "conntrackctl: filter column 1: unknown field \"foo\"\n");

  Run({"list", "--unknown"});
  EXPECT_EQ(exit_code_, 2);
  EXPECT_THAT(errors_, StartsWith("conntrackctl: "));

  Run({"watch", "--filter", "age > 1s"});
  EXPECT_EQ(exit_code_, 2);
  EXPECT_THAT(errors_, HasSubstr("age"));

  ChildProcess nobody(CONNTRACKCTL, {"stats", "--server", "unix:/nonexistent.sock"});
  EXPECT_EQ(nobody.Wait(), 1);
  EXPECT_THAT(nobody.errors(), StartsWith("conntrackctl: cannot reach unix:/nonexistent.sock: "));
}

TEST_F(ConntrackctlTest, SensorsShowALedgerThatAddsUp) {
  Feed({Mixture()});
  const std::string text = Run({"sensors"});
  EXPECT_THAT(text, HasSubstr("edge "));
  EXPECT_THAT(text, HasSubstr("adds up"));
  EXPECT_THAT(text, HasSubstr("test 1"));
}

TEST_F(ConntrackctlTest, HealthIsAnExitCode) {
  EXPECT_EQ(Run({"health"}), "SERVING\n");
  EXPECT_EQ(exit_code_, 0);
  EXPECT_EQ(Run({"health", "--service=conntrack.v1.Nothing"}), "");
  EXPECT_EQ(exit_code_, 3);
  EXPECT_EQ(errors_, "conntrackctl: the server has no service \"conntrack.v1.Nothing\"\n");
  services_.SetServing(false);
  EXPECT_EQ(Run({"health"}), "NOT_SERVING\n");
  EXPECT_EQ(exit_code_, 1);
  EXPECT_EQ(errors_, "conntrackctl: the server does not serve: it drains\n");
}

TEST_F(ConntrackctlTest, StatsCountWhatWasDecided) {
  Feed({Mixture()});
  const std::string text = Run({"stats"});
  EXPECT_TRUE(std::regex_search(text, std::regex("\nconnections +3\n"))) << text;
  EXPECT_TRUE(std::regex_search(text, std::regex("\npackets new +3\n"))) << text;
  EXPECT_TRUE(std::regex_search(text, std::regex("\npackets established +3\n"))) << text;
}

TEST_F(ConntrackctlTest, StatsCountConnectionsByState) {
  Feed({Mixture()});
  v1::GetStatsResponse stats;
  ASSERT_TRUE(
      google::protobuf::util::JsonStringToMessage(Run({"stats", "-o", "json"}), &stats).ok());
  std::vector<std::string> states;
  for (const v1::StateCount& count : stats.states()) {
    states.push_back(absl::StrCat(count.protocol(), " ", count.state(), " ", count.connections()));
  }
  EXPECT_THAT(states, ElementsAre("tcp established 1", "udp unreplied 1", "icmp replied 1"));
}

TEST_F(ConntrackctlTest, ZonesSetChangesAndShowsTheSettings) {
  Feed({Mixture()});
  const std::string text =
      Run({"zones", "set", "0", "tcp.established=1h", "connections_max=500", "checksum=false"});
  EXPECT_EQ(exit_code_, 0) << errors_;
  EXPECT_TRUE(std::regex_search(text, std::regex("0  tcp.established +1h\n"))) << text;
  EXPECT_TRUE(std::regex_search(text, std::regex("0  connections_max +500\n"))) << text;
  EXPECT_TRUE(std::regex_search(text, std::regex("0  checksum +false\n"))) << text;
  // What was not named stays.
  EXPECT_TRUE(std::regex_search(text, std::regex("0  tcp.syn_sent +2m\n"))) << text;
  EXPECT_TRUE(std::regex_search(Run({"zones"}), std::regex(" 3 +500 "))) << text;
  Run({"zones", "set", "9", "checksum=false"});
  EXPECT_EQ(exit_code_, 3);
}

TEST_F(ConntrackctlTest, WatchPrintsTheEventsOfAHandshake) {
  const auto process = Start({"watch", "-p", "tcp", "-o", "conntrack", "--count", "3"});
  WaitForWatcher();
  Feed({Mixture()});
  EXPECT_EQ(process->ReadLine(),
            "    [NEW] tcp      6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 "
            "[UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000");
  EXPECT_EQ(process->ReadLine(),
            " [UPDATE] tcp      6 60 SYN_RECV src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 "
            "src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000");
  EXPECT_EQ(process->ReadLine(),
            " [UPDATE] tcp      6 432000 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 "
            "dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000 [ASSURED]");
  EXPECT_EQ(process->Wait(), 0) << process->errors();
}

TEST_F(ConntrackctlTest, WatchWithSnapshotEndsWellOnInterruptAndSaysWhereToGoOn) {
  Feed({Mixture()});
  const auto process = Start({"watch", "--snapshot", "--print-token", "-p", "udp", "-o", "jsonl"});
  EXPECT_THAT(process->ReadLine(), StartsWith("{\"connection\":{\"id\":"));
  EXPECT_THAT(process->ReadLine(), StartsWith("{\"snapshotEnd\":{\"connections\":\"1\","));
  process->Signal(SIGINT);
  EXPECT_EQ(process->Wait(), 0);
  EXPECT_THAT(process->errors(), StartsWith("conntrackctl: to go on from here: --since-token "));

  // And from there on nothing is missed.
  std::string token = process->errors().substr(process->errors().rfind(' ') + 1);
  token.pop_back();
  v1::PacketBatch batch = NewBatch();
  Add({false, 17, 33, 1u << 16 | 7}, &batch);
  Feed({std::move(batch)});
  const std::string text =
      Run({"watch", "--since-token", token, "-p", "udp", "-o", "conntrack", "--count", "1"});
  EXPECT_THAT(text,
              StartsWith("    [NEW] udp      17 30 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=7"));
  EXPECT_EQ(exit_code_, 0) << errors_;
}

TEST_F(ConntrackctlTest, AWatchEndsWithItsReaderEvenInQuietTimes) {
  const auto process = Start({"watch"});
  WaitForWatcher();
  process->CloseOutput();
  EXPECT_EQ(process->Wait(), 0);
  EXPECT_EQ(process->errors(), "");
}

TEST_F(ConntrackctlTest, AResumeTokenThatIsGarbageIsWrongUsage) {
  const auto process = Start({"watch", "--since-token", "AAAA", "--count", "1"});
  EXPECT_EQ(process->Wait(), 2);
  EXPECT_THAT(process->errors(), HasSubstr("resume_token"));
}

}  // namespace
}  // namespace conntrack
