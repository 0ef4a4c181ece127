#include "tests/differential/real_chain.h"

#include <chrono>
#include <csignal>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "conntrack/channel.h"
#include "conntrack/v1/admin_service.grpc.pb.h"
#include "conntrack/v1/connection_service.grpc.pb.h"
#include "server/config_settings.h"
#include "server/convert.h"
#include "tests/testing/child_process.h"
#include "tests/testing/server_process.h"

namespace conntrack {
namespace {

constexpr int32_t kPageSize = 10'000;
constexpr std::chrono::seconds kCallTime{30};

std::vector<std::string> ServerArguments(const std::string& listen, const ZoneSettings& settings) {
  ServerConfig config;
  config.zone_defaults = settings;
  std::vector<std::string> arguments = {absl::StrCat("--listen=", listen), "--metrics-listen="};
  for (const Setting& setting : SettingTable()) {
    if (!absl::StartsWith(setting.name, "zone_defaults.")) continue;
    arguments.push_back(absl::StrCat(setting.Flag(), "=", setting.get(config)));
  }
  return arguments;
}

absl::Status RunSensor(const std::string& capture, const std::string& server) {
  testing::ChildProcess sensor(CONNTRACK_SENSOR_PROGRAM,
                               {"--read", capture, "--server", server, "--clock", "packet"});
  const int code = sensor.Wait();
  if (code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("conntrack-sensor exits with ", code, ": ", sensor.errors()));
}

absl::Status Called(const grpc::Status& status, const char* call) {
  if (status.ok()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(call, ": ", status.error_message()));
}

std::array<Counters, 2> CountersOf(const v1::Connection& connection) {
  const auto of = [](const v1::Counters& counters) {
    return Counters{counters.packets(), counters.bytes()};
  };
  return {of(connection.original_counters()), of(connection.reply_counters())};
}

absl::StatusOr<SeenConnection> SeenOf(const v1::Connection& connection) {
  v1::ConnectionKey key;
  key.set_protocol(connection.protocol());
  *key.mutable_tuple() = connection.original();
  const absl::StatusOr<ParsedKey> parsed = FromWire(key);
  if (!parsed.ok()) return parsed.status();
  SeenConnection seen;
  seen.original = {parsed->protocol, parsed->source, parsed->destination, parsed->ports,
                   parsed->family};
  seen.status = static_cast<uint16_t>(connection.status());
  seen.timeout = connection.timeout().seconds();
  seen.counters = CountersOf(connection);
  if (connection.has_sctp()) {
    const v1::SctpDetails& sctp = connection.sctp();
    seen.state = NameOf(static_cast<SctpState>(sctp.state()));
    seen.tags = {sctp.original_verification_tag(), sctp.reply_verification_tag()};
  }
  if (!connection.has_tcp()) return seen;
  const v1::TcpDetails& tcp = connection.tcp();
  seen.state = NameOf(static_cast<TcpState>(tcp.state()));
  SeenWindows windows;
  const auto fill = [&](const v1::TcpPeer& peer, Direction direction) {
    windows.scale[Index(direction)] = static_cast<uint8_t>(peer.window_scale());
    windows.flags[Index(direction)] = static_cast<uint8_t>(peer.flags()) & kVisiblePeerFlags;
  };
  fill(tcp.original(), Direction::kOriginal);
  fill(tcp.reply(), Direction::kReply);
  seen.windows = windows;
  return seen;
}

absl::Status List(const std::shared_ptr<grpc::Channel>& channel, ChainAnswer* answer) {
  const auto stub = v1::ConnectionService::NewStub(channel);
  v1::ListConnectionsRequest request;
  request.set_page_size(kPageSize);
  do {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTime);
    v1::ListConnectionsResponse response;
    const grpc::Status status = stub->ListConnections(&context, request, &response);
    if (!status.ok()) return Called(status, "ListConnections");
    for (const v1::Connection& connection : response.connections()) {
      absl::StatusOr<SeenConnection> seen = SeenOf(connection);
      if (!seen.ok()) return seen.status();
      answer->connections.push_back(*std::move(seen));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Count(const std::shared_ptr<grpc::Channel>& channel, ChainAnswer* answer) {
  const auto stub = v1::AdminService::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTime);
  v1::GetStatsResponse stats;
  const grpc::Status status = stub->GetStats(&context, {}, &stats);
  const v1::VerdictCounts& packets = stats.packets();
  const auto verdict = [&](VerdictKind kind) -> uint64_t& {
    return answer->totals.verdicts[static_cast<size_t>(kind)];
  };
  verdict(VerdictKind::kNew) = packets.new_();
  verdict(VerdictKind::kEstablished) = packets.established();
  verdict(VerdictKind::kRelated) = packets.related();
  verdict(VerdictKind::kInvalid) = packets.invalid();
  verdict(VerdictKind::kUntracked) = packets.untracked();
  verdict(VerdictKind::kTableFull) = packets.table_full();
  const auto event = [&](EventType type) -> uint64_t& {
    return answer->totals.events[static_cast<size_t>(type)];
  };
  event(EventType::kNew) = stats.events().new_();
  event(EventType::kUpdate) = stats.events().update();
  event(EventType::kDestroy) = stats.events().destroy();
  return Called(status, "GetStats");
}

}  // namespace

absl::StatusOr<ChainAnswer> AskRealChain(const std::string& capture, const std::string& directory,
                                         const ZoneSettings& settings) {
  const std::string address = absl::StrCat("unix:", directory, "/server");
  testing::ServerProcess server(ServerArguments(address, settings));
  if (server.WaitForAddress().empty()) {
    server.Wait();
    return absl::InternalError(absl::StrCat("conntrack-server ends: ", server.error_text()));
  }
  if (absl::Status status = RunSensor(capture, address); !status.ok()) return status;
  client::ChannelOptions options;
  options.server = address;
  auto channel = client::OpenChannel(options);
  if (!channel.ok()) return channel.status();
  ChainAnswer answer;
  if (absl::Status status = List(*channel, &answer); !status.ok()) return status;
  if (absl::Status status = Count(*channel, &answer); !status.ok()) return status;
  server.Signal(SIGTERM);
  if (server.Wait() == 0) return answer;
  return absl::InternalError(absl::StrCat("conntrack-server fails: ", server.error_text()));
}

}  // namespace conntrack
