// What /metrics says of calls, packets and the process.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "conntrack/v1/connection_service.grpc.pb.h"
#include "conntrack/v1/ingest_service.grpc.pb.h"
#include "conntrack/v1/watch_service.grpc.pb.h"
#include "server/resume_token.h"
#include "tests/integration/server/byte_call.h"
#include "tests/testing/local_server.h"

namespace conntrack {
namespace {

using ::testing::HasSubstr;
using testing::LocalServer;
using ::testing::Not;

class MetricsTest : public ::testing::Test {
 protected:
  static ServerConfig Config() {
    ServerConfig config = testing::LocalConfig();
    config.metrics_listen = "127.0.0.1:0";
    return config;
  }

  // The value of a series, written as the exposition writes it.
  static std::optional<double> Value(const std::string& text, const std::string& series) {
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (!absl::StartsWith(line, series + " ")) continue;
      double value = 0;
      if (absl::SimpleAtod(line.substr(series.size() + 1), &value)) return value;
    }
    return std::nullopt;
  }

  // The labels of a method.
  static std::string Labels(const std::string& type, const std::string& service,
                            const std::string& method) {
    return "{grpc_type=\"" + type + "\",grpc_service=\"conntrack.v1." + service +
           "\",grpc_method=\"" + method + "\"";
  }

  // A cancelled call is counted when gRPC has let go of it, which a drain waits
  // for; the endpoint stays until the end.
  std::string ScrapeAfterCalls() {
    server_.server().Drain();
    return server_.Scrape();
  }

  static Packet Udp(uint16_t source_port) {
    Packet packet = {};
    packet.family = Family::kIpv4;
    packet.protocol = kProtocolUdp;
    packet.source = Ipv4Address(0x0A000001);
    packet.destination = Ipv4Address(0x0A000002);
    packet.ports = (uint32_t{source_port} << 16) | 53;
    packet.time = TimeFromUnixNanos(1'700'000'000'000'000'000);
    return packet;
  }

  LocalServer server_{Config()};
};

TEST_F(MetricsTest, CallsAreCountedByMethodAndCode) {
  const auto stub = v1::ConnectionService::NewStub(server_.NewChannel());
  v1::CountConnectionsResponse count;
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->CountConnections(&context, {}, &count).ok());
  }
  v1::CountConnectionsRequest bad;
  bad.set_filter("no such field = 1");
  grpc::ClientContext context;
  ASSERT_EQ(stub->CountConnections(&context, bad, &count).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  const std::string text = ScrapeAfterCalls();

  const std::string labels = Labels("unary", "ConnectionService", "CountConnections");
  EXPECT_EQ(Value(text, "grpc_server_started_total" + labels + "}"), 3);
  EXPECT_EQ(Value(text, "grpc_server_handled_total" + labels + ",grpc_code=\"OK\"}"), 2);
  EXPECT_EQ(Value(text, "grpc_server_handled_total" + labels + ",grpc_code=\"InvalidArgument\"}"),
            1);
  EXPECT_EQ(Value(text, "grpc_server_msg_received_total" + labels + "}"), 3);
  EXPECT_EQ(Value(text, "grpc_server_msg_sent_total" + labels + "}"), 2);
  EXPECT_EQ(Value(text, "grpc_server_handling_seconds_count" + labels + "}"), 3);
  EXPECT_EQ(Value(text, "grpc_server_handling_seconds_bucket" + labels + ",le=\"+Inf\"}"), 3);
  // Most calls take less than a millisecond: there must be bounds below.
  EXPECT_TRUE(Value(text, "grpc_server_handling_seconds_bucket" + labels + ",le=\"0.0001\"}"));
  EXPECT_TRUE(Value(text, "grpc_server_handling_seconds_bucket" + labels + ",le=\"0.0005\"}"));
}

TEST_F(MetricsTest, CodesThatAlertsAskForBeginAtZero) {
  const std::string text = ScrapeAfterCalls();
  const std::string labels = Labels("server_stream", "WatchService", "Watch");
  for (const char* code : {"OK", "ResourceExhausted", "Internal", "Unavailable"}) {
    const std::string series =
        absl::StrCat("grpc_server_handled_total", labels, ",grpc_code=\"", code, "\"}");
    EXPECT_EQ(Value(text, series), 0) << series;
  }
  EXPECT_THAT(text, Not(HasSubstr("grpc_code=\"DataLoss\"")));
}

TEST_F(MetricsTest, RefusedResumeTokensAreCountedByReason) {
  const auto stub = v1::WatchService::NewStub(server_.NewChannel());
  v1::WatchRequest request;
  v1::WatchResponse response;
  {
    grpc::ClientContext context;
    // Its first message is a bookmark.
    const auto watch = stub->Watch(&context, request);
    ASSERT_TRUE(watch->Read(&response));
    context.TryCancel();
  }
  // One of this run that no event was ever sent for, and one of another run.
  const uint32_t slots = Config().slot_count;
  const ResumeToken known = *DecodeResumeToken(response.bookmark().resume_token(), slots);
  ResumeToken strange = known;
  strange.sequences[0] += 1000;
  ResumeToken earlier = known;
  earlier.epoch -= 1;
  for (const ResumeToken& token : {strange, earlier, earlier}) {
    request.set_resume_token(EncodeResumeToken(token));
    grpc::ClientContext context;
    const auto watch = stub->Watch(&context, request);
    while (watch->Read(&response)) {
    }
    EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
  }

  const std::string text = ScrapeAfterCalls();

  const std::string name = "conntrack_watch_refused_tokens_total";
  EXPECT_EQ(Value(text, name + "{reason=\"too_old\"}"), 1);
  EXPECT_EQ(Value(text, name + "{reason=\"earlier_run\"}"), 2);
}

TEST_F(MetricsTest, MessagesOfTheIngestStreamAreCounted) {
  const auto stub = v1::IngestService::NewStub(server_.NewChannel());
  grpc::ClientContext context;
  const auto stream = stub->Ingest(&context);
  v1::IngestRequest request;
  request.mutable_hello()->set_sensor_id("edge-1");
  request.mutable_hello()->set_session_id("session-1");
  request.mutable_hello()->set_first_sequence(1);
  ASSERT_TRUE(stream->Write(request));
  v1::IngestResponse response;
  ASSERT_TRUE(stream->Read(&response));
  request.mutable_heartbeat()->mutable_counts()->set_captured_packets(5);
  ASSERT_TRUE(stream->Write(request));
  stream->WritesDone();
  double sent = 1;
  while (stream->Read(&response)) ++sent;
  ASSERT_TRUE(stream->Finish().ok());

  const std::string text = ScrapeAfterCalls();

  const std::string labels = Labels("bidi_stream", "IngestService", "Ingest");
  EXPECT_EQ(Value(text, "grpc_server_msg_received_total" + labels + "}"), 2);
  EXPECT_EQ(Value(text, "grpc_server_msg_sent_total" + labels + "}"), sent);
  EXPECT_EQ(Value(text, "grpc_server_handled_total" + labels + ",grpc_code=\"OK\"}"), 1);
  EXPECT_EQ(Value(text, "conntrack_sensor_captured_packets_total{sensor=\"edge-1\"}"), 5);
  EXPECT_EQ(Value(text, "conntrack_sensor_pending_packets{sensor=\"edge-1\"}"), 5);
  EXPECT_EQ(Value(text, "conntrack_sensor_connected{sensor=\"edge-1\"}"), 0);
}

TEST_F(MetricsTest, ACancelledStreamIsCountedOnce) {
  const auto stub = v1::WatchService::NewStub(server_.NewChannel());
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_snapshot(true);
  const auto watch = stub->Watch(&context, request);
  v1::WatchResponse response;
  ASSERT_TRUE(watch->Read(&response));
  context.TryCancel();
  ASSERT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);

  const std::string text = ScrapeAfterCalls();

  const std::string labels = Labels("server_stream", "WatchService", "Watch");
  EXPECT_EQ(Value(text, "grpc_server_started_total" + labels + "}"), 1);
  EXPECT_EQ(Value(text, "grpc_server_handled_total" + labels + ",grpc_code=\"OK\"}"), 0);
  EXPECT_EQ(Value(text, "grpc_server_handling_seconds_count" + labels + "}"), 1);
  EXPECT_EQ(Value(text, "conntrack_watchers"), 0);
}

TEST_F(MetricsTest, AMethodThatDoesNotExistMakesNoSeries) {
  testing::ByteCall call(server_.NewChannel(), "/conntrack.v1.AdminService/NoSuchMethod", "");
  ASSERT_EQ(call.Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(ScrapeAfterCalls(), Not(HasSubstr("NoSuchMethod")));
}

TEST_F(MetricsTest, PacketsAndConnectionsAreCountedByZone) {
  Tracker& tracker = server_.server().tracker();
  ZoneSettings settings;
  settings.connections_max = 2;
  const auto zone = tracker.OpenZone(7, ZoneClock::kPacket, settings);
  ASSERT_TRUE(zone.ok());
  Packet packets[] = {Udp(1000), Udp(1001), Udp(1002)};
  packets[2].flags = packet_flag::kMalformed;
  packets[2].malformed = InvalidReason::kUdpLength;
  Verdict verdicts[3];
  tracker.Process({*zone, Time(), 0}, packets, verdicts);

  const std::string text = server_.Scrape();

  EXPECT_EQ(Value(text, "conntrack_zone_connections_max{zone=\"7\"}"), 2);
  EXPECT_EQ(Value(text, "conntrack_connections{zone=\"7\",protocol=\"udp\",state=\"unreplied\"}"),
            2);
  EXPECT_EQ(Value(text, "conntrack_packets_total{zone=\"7\",verdict=\"new\"}"), 2);
  EXPECT_EQ(Value(text, "conntrack_packets_total{zone=\"7\",verdict=\"invalid\"}"), 1);
  EXPECT_EQ(Value(text, "conntrack_packets_total{zone=\"7\",verdict=\"related\"}"), 0);
  EXPECT_EQ(Value(text, "conntrack_invalid_packets_total{zone=\"7\",reason=\"udp_length\"}"), 1);
  EXPECT_EQ(Value(text, "conntrack_events_total{zone=\"7\",type=\"new\"}"), 2);
  EXPECT_THAT(text, Not(HasSubstr("state=\"established\"")));
  EXPECT_GT(Value(text, "conntrack_table_bytes").value_or(0), 0);
}

TEST_F(MetricsTest, OpenConnectionsAreBrokenDown) {
  ServerConfig config = Config();
  config.breakdowns = *ParseBreakdowns("service=protocol,original.destination_port");
  config.breakdown_series_max = 2;
  config.breakdown_groups_max = 3;
  LocalServer server(config);
  Tracker& tracker = server.server().tracker();
  const auto zone = tracker.OpenZone(7, ZoneClock::kPacket, ZoneSettings());
  ASSERT_TRUE(zone.ok());
  // Five services with five, four, three, two and one connections; room for three.
  for (uint16_t service = 0; service < 5; ++service) {
    for (uint16_t i = service; i < 5; ++i) {
      Packet packet = Udp(static_cast<uint16_t>(1000 + i));
      packet.ports =
          PortsWord(static_cast<uint16_t>(1000 + i), static_cast<uint16_t>(53 + service));
      Verdict verdict;
      tracker.Process({*zone, Time(), 0}, {&packet, 1}, {&verdict, 1});
    }
  }
  const std::string text = server.Scrape();
  const auto by_service = [&](const char* protocol, const char* port) {
    return Value(text, absl::StrCat("conntrack_open_connections_by_service{protocol=\"", protocol,
                                    "\",original_destination_port=\"", port, "\"}"));
  };
  EXPECT_EQ(by_service("UDP", "53"), 5);
  EXPECT_EQ(by_service("UDP", "54"), 4);
  EXPECT_EQ(by_service("UDP", "55"), std::nullopt);
  EXPECT_EQ(by_service("(other)", "(other)"), 6);
  EXPECT_EQ(Value(text, "conntrack_breakdown_groups{breakdown=\"service\"}"), 3);
  EXPECT_EQ(Value(text, "conntrack_breakdown_groups_max{breakdown=\"service\"}"), 3);
  // None is configured, none is shown.
  EXPECT_THAT(server_.Scrape(), Not(HasSubstr("breakdown")));
}

TEST_F(MetricsTest, AStateThatEmptiesKeepsItsSeries) {
  Tracker& tracker = server_.server().tracker();
  const auto zone = tracker.OpenZone(7, ZoneClock::kPacket, ZoneSettings());
  ASSERT_TRUE(zone.ok());
  const Packet packet = Udp(1000);
  Verdict verdict;
  tracker.Process({*zone, Time(), 0}, {&packet, 1}, {&verdict, 1});
  const std::string series =
      "conntrack_connections{zone=\"7\",protocol=\"udp\",state=\"unreplied\"}";
  ASSERT_EQ(Value(server_.Scrape(), series), 1);
  tracker.Advance(*zone, packet.time + std::chrono::hours(1));
  tracker.Expire(server_.server().clock().Now(), 100);
  EXPECT_EQ(Value(server_.Scrape(), series), 0);
}

TEST_F(MetricsTest, TheProcessAndTheBuildDescribeThemselves) {
  const std::string text = server_.Scrape();
  EXPECT_GT(Value(text, "process_resident_memory_bytes").value_or(0), 1e6);
  EXPECT_GT(Value(text, "process_open_fds").value_or(0), 3);
  EXPECT_GT(Value(text, "process_start_time_seconds").value_or(0), 1.6e9);
  EXPECT_TRUE(Value(text, "process_cpu_seconds_total").has_value());
  EXPECT_THAT(text, HasSubstr("conntrack_build_info{version=\""));
}

TEST_F(MetricsTest, PromtoolFindsNothingWrong) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "no promtool";
  Tracker& tracker = server_.server().tracker();
  const auto zone = tracker.OpenZone(7, ZoneClock::kPacket, ZoneSettings());
  ASSERT_TRUE(zone.ok());
  const Packet packet = Udp(1000);
  Verdict verdict;
  tracker.Process({*zone, Time(), 0}, {&packet, 1}, {&verdict, 1});
  const auto stub = v1::IngestService::NewStub(server_.NewChannel());
  grpc::ClientContext context;
  const auto stream = stub->Ingest(&context);
  v1::IngestRequest request;
  request.mutable_hello()->set_sensor_id("edge-1");
  request.mutable_hello()->set_session_id("session-1");
  request.mutable_hello()->set_first_sequence(1);
  ASSERT_TRUE(stream->Write(request));
  stream->WritesDone();
  v1::IngestResponse response;
  while (stream->Read(&response)) {
  }
  ASSERT_TRUE(stream->Finish().ok());
  FILE* const promtool = popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string text = server_.Scrape();
  EXPECT_EQ(fwrite(text.data(), 1, text.size(), promtool), text.size());
  EXPECT_EQ(pclose(promtool), 0);
}

}  // namespace
}  // namespace conntrack
