#include "server/config_settings.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/breakdown_config.h"
#include "server/setting_text.h"

namespace conntrack {
namespace {

constexpr uint64_t kGiB = 1u << 30;

// Stores a parsed value, or passes its error on.
template <typename Value, typename Field>
absl::Status Store(const absl::StatusOr<Value>& value, Field* field) {
  if (!value.ok()) return value.status();
  *field = static_cast<Field>(*value);
  return absl::OkStatus();
}

// The builders below take `field`: a function from a Config, const or not, to
// the field, so that one mention of the field gives both directions.

template <typename Row, typename Config, typename Field>
Row Number(std::string name, Field field, uint64_t min, uint64_t max, std::string help) {
  Row row;
  row.name = std::move(name);
  row.value_name = "N";
  row.help = absl::StrCat(help, " [", min, " to ", max, "]");
  row.set = [=](absl::string_view text, Config* config) {
    return Store(ParseNumber(text, min, max), &field(*config));
  };
  row.get = [=](const Config& config) { return absl::StrCat(field(config)); };
  return row;
}

template <typename Row, typename Config, typename Field>
Row Bytes(std::string name, Field field, uint64_t min, uint64_t max, std::string help) {
  Row row;
  row.name = std::move(name);
  row.value_name = "BYTES";
  row.help = absl::StrCat(help, " [", FormatBytes(min), " to ", FormatBytes(max), "]");
  row.set = [=](absl::string_view text, Config* config) {
    return Store(ParseBytes(text, min, max), &field(*config));
  };
  row.get = [=](const Config& config) { return FormatBytes(field(config)); };
  return row;
}

template <typename Row, typename Config, typename Field>
Row Time(std::string name, Field field, Duration min, Duration max, std::string help) {
  Row row;
  row.name = std::move(name);
  row.value_name = "DURATION";
  row.help = absl::StrCat(help, " [", FormatDuration(min), " to ", FormatDuration(max), "]");
  row.set = [=](absl::string_view text, Config* config) {
    return Store(ParseDuration(text, min, max), &field(*config));
  };
  row.get = [=](const Config& config) { return FormatDuration(field(config)); };
  return row;
}

template <typename Row, typename Config, typename Field>
Row Switch(std::string name, Field field, std::string help) {
  Row row;
  row.name = std::move(name);
  row.help = std::move(help);
  row.is_switch = true;
  row.set = [=](absl::string_view text, Config* config) {
    return Store(ParseSwitch(text), &field(*config));
  };
  row.get = [=](const Config& config) { return FormatSwitch(field(config)); };
  return row;
}

template <typename Field>
Setting Text(std::string name, Field field, std::string value_name, std::string help) {
  Setting row;
  row.name = std::move(name);
  row.value_name = std::move(value_name);
  row.help = std::move(help);
  row.set = [=](absl::string_view text, ServerConfig* config) {
    field(*config) = std::string(text);
    return absl::OkStatus();
  };
  row.get = [=](const ServerConfig& config) { return field(config); };
  return row;
}

template <typename Enum, size_t kCount>
using Words = std::array<std::pair<const char*, Enum>, kCount>;

template <typename Enum, size_t kCount, typename Field>
Setting Choice(std::string name, Field field, const Words<Enum, kCount>& words, std::string help) {
  Setting row;
  row.name = std::move(name);
  row.help = std::move(help);
  for (const auto& [word, value] : words) {
    absl::StrAppend(&row.value_name, row.value_name.empty() ? "" : "|", word);
  }
  row.set = [=, choices = row.value_name](absl::string_view text, ServerConfig* config) {
    for (const auto& [word, value] : words) {
      if (text != word) continue;
      field(*config) = value;
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not one of ", choices));
  };
  row.get = [=](const ServerConfig& config) -> std::string {
    for (const auto& [word, value] : words) {
      if (field(config) == value) return word;
    }
    return "";
  };
  return row;
}

// NOLINTBEGIN(bugprone-macro-parentheses): a member's name is no expression.
#define CONNTRACK_FIELD(path) \
  [](auto& config) -> auto& { return config.path; }
// NOLINTEND(bugprone-macro-parentheses)

void Group(const char* group, std::vector<Setting> rows, std::vector<Setting>* table) {
  for (Setting& row : rows) {
    row.group = group;
    table->push_back(std::move(row));
  }
}

std::vector<ZoneSetting> MakeZoneSettings() {
  const auto number = [](const char* name, auto field, uint64_t min, uint64_t max,
                         const char* help) {
    return Number<ZoneSetting, ZoneSettings>(name, field, min, max, help);
  };
  const auto flag = [](const char* name, auto field, const char* help) {
    return Switch<ZoneSetting, ZoneSettings>(name, field, help);
  };
  const auto timeout = [](const char* name, auto field, const char* help) {
    return Time<ZoneSetting, ZoneSettings>(name, field, std::chrono::milliseconds(1),
                                           std::chrono::hours(40 * 24), help);
  };
  const auto state = [&](const char* name, TcpState tcp_state, const char* help) {
    return timeout(
        name,
        [=](auto& config) -> auto& { return config.tcp.timeout[static_cast<size_t>(tcp_state)]; },
        help);
  };
  const auto sctp = [&](const char* name, SctpState sctp_state, const char* help) {
    return timeout(
        name,
        [=](auto& config) -> auto& { return config.sctp.timeout[static_cast<size_t>(sctp_state)]; },
        help);
  };
  return {
      number("connections_max", CONNTRACK_FIELD(connections_max), 1, kGiB,
             "Most connections of a zone"),
      flag("checksum", CONNTRACK_FIELD(checksum), "A wrong checksum makes a packet INVALID"),
      flag("tcp.loose", CONNTRACK_FIELD(tcp.loose),
           "Pick up TCP connections whose beginning was not seen"),
      flag("tcp.be_liberal", CONNTRACK_FIELD(tcp.be_liberal),
           "Accept TCP segments outside the window"),
      flag("tcp.ignore_invalid_rst", CONNTRACK_FIELD(tcp.ignore_invalid_rst),
           "Let a RST below the highest acknowledgement pass the first check"),
      flag("tcp.nonclosing_rst_uses_close_timeout",
           CONNTRACK_FIELD(tcp.nonclosing_rst_uses_close_timeout),
           "A RST that ends nothing gives the timeout of CLOSE"),
      number("tcp.max_retransmissions", CONNTRACK_FIELD(tcp.max_retransmissions), 0, 255,
             "Identical packets until tcp.max_retransmission_timeout counts"),
      state("tcp.syn_sent", TcpState::kSynSent, "TCP after a SYN"),
      state("tcp.syn_recv", TcpState::kSynRecv, "TCP after the SYN-ACK"),
      state("tcp.established", TcpState::kEstablished, "TCP with the handshake complete"),
      state("tcp.fin_wait", TcpState::kFinWait, "TCP after a FIN"),
      state("tcp.close_wait", TcpState::kCloseWait, "TCP after the FIN was acknowledged"),
      state("tcp.last_ack", TcpState::kLastAck, "TCP after the second FIN"),
      state("tcp.time_wait", TcpState::kTimeWait, "TCP after the second FIN was acknowledged"),
      state("tcp.close", TcpState::kClose, "TCP after a RST"),
      state("tcp.syn_sent2", TcpState::kSynSent2, "TCP after SYNs from both sides"),
      timeout("tcp.max_retransmission_timeout", CONNTRACK_FIELD(tcp.max_retransmission_timeout),
              "Timeout after too many retransmissions"),
      timeout("tcp.unacknowledged", CONNTRACK_FIELD(tcp.unacknowledged),
              "Timeout while data is not acknowledged"),
      sctp("sctp.closed", SctpState::kClosed, "SCTP after an INIT, or closed"),
      sctp("sctp.cookie_wait", SctpState::kCookieWait, "SCTP after the INIT ACK"),
      sctp("sctp.cookie_echoed", SctpState::kCookieEchoed, "SCTP after the COOKIE ECHO"),
      sctp("sctp.established", SctpState::kEstablished, "SCTP with the handshake complete"),
      sctp("sctp.shutdown_sent", SctpState::kShutdownSent, "SCTP after the client's SHUTDOWN"),
      sctp("sctp.shutdown_recd", SctpState::kShutdownRecd, "SCTP after the server's SHUTDOWN"),
      sctp("sctp.shutdown_ack_sent", SctpState::kShutdownAckSent, "SCTP after a SHUTDOWN ACK"),
      sctp("sctp.heartbeat_sent", SctpState::kHeartbeatSent, "SCTP that began with a HEARTBEAT"),
      timeout("timeouts.udp", CONNTRACK_FIELD(udp), "UDP and UDP-Lite before a reply"),
      timeout("timeouts.udp_stream", CONNTRACK_FIELD(udp_stream),
              "UDP and UDP-Lite with traffic both ways"),
      timeout("timeouts.icmp", CONNTRACK_FIELD(icmp), "ICMP"),
      timeout("timeouts.icmpv6", CONNTRACK_FIELD(icmpv6), "ICMPv6"),
      timeout("timeouts.gre", CONNTRACK_FIELD(gre), "GRE before a reply"),
      timeout("timeouts.gre_stream", CONNTRACK_FIELD(gre_stream), "GRE after a reply"),
      timeout("timeouts.generic", CONNTRACK_FIELD(generic), "Every other protocol"),
  };
}

std::vector<Setting> ListeningSettings() {
  constexpr Words<ClientAuth, 3> kClientAuth = {{{"none", ClientAuth::kNone},
                                                 {"optional", ClientAuth::kOptional},
                                                 {"required", ClientAuth::kRequired}}};
  return {
      Text("listen", CONNTRACK_FIELD(listen), "HOST:PORT|unix:/PATH", "Where gRPC is served"),
      Text("metrics_listen", CONNTRACK_FIELD(metrics_listen), "HOST:PORT",
           "Where /metrics is served; empty: nowhere"),
      Text("tls.cert", CONNTRACK_FIELD(tls.cert), "FILE", "Certificate chain of this server, PEM"),
      Text("tls.key", CONNTRACK_FIELD(tls.key), "FILE", "Private key of the certificate, PEM"),
      Text("tls.client_ca", CONNTRACK_FIELD(tls.client_ca), "FILE",
           "Authorities of client certificates, PEM"),
      Choice<ClientAuth, 3>("tls.client_auth", CONNTRACK_FIELD(tls.client_auth), kClientAuth,
                            "Whether clients show a certificate"),
      Switch<Setting, ServerConfig>("insecure", CONNTRACK_FIELD(insecure),
                                    "Allow listening off loopback without TLS"),
  };
}

std::vector<Setting> LimitSettings() {
  const auto number = [](const char* name, auto field, uint64_t min, uint64_t max,
                         const char* help) {
    return Number<Setting, ServerConfig>(name, field, min, max, help);
  };
  return {
      number("zones_max", CONNTRACK_FIELD(zones_max), 1, 65'535, "Most zones"),
      number("sensors_max", CONNTRACK_FIELD(sensors_max), 1, 65'535, "Most sensors"),
      number("streams_max", CONNTRACK_FIELD(streams_max), 1, 65'535,
             "Most ingest streams at one time"),
      number("watchers_max", CONNTRACK_FIELD(watchers_max), 1, 65'535, "Most watchers at one time"),
      number("watch_matches_max", CONNTRACK_FIELD(watch_matches_max), 1, 1u << 30,
             "Most connections that a watcher's filter may match at one time"),
      number("connection_calls_max", CONNTRACK_FIELD(connection_calls_max), 1, 65'535,
             "Most calls at one time on one client connection"),
      Bytes<Setting, ServerConfig>("message_bytes_max", CONNTRACK_FIELD(message_bytes_max), 262'144,
                                   kGiB, "Largest message taken from a client"),
      number("batch_packets_max", CONNTRACK_FIELD(batch_packets_max), 1, 65'536,
             "Most packets in one batch"),
      number("breakdown_groups_max", CONNTRACK_FIELD(breakdown_groups_max), 1, 1u << 20,
             "Most groups counted apart in each breakdown"),
      number("breakdown_series_max", CONNTRACK_FIELD(breakdown_series_max), 1, 10'000,
             "Most groups of each breakdown in metrics; the rest is one series"),
      Bytes<Setting, ServerConfig>("event_bytes_max", CONNTRACK_FIELD(event_bytes_max), 1u << 20,
                                   uint64_t{1} << 40, "Memory for events that watchers may read"),
  };
}

std::vector<Setting> MakeSettings() {
  constexpr Words<LogLevel, 6> kLevels = {{{"trace", LogLevel::kTrace},
                                           {"debug", LogLevel::kDebug},
                                           {"info", LogLevel::kInfo},
                                           {"warn", LogLevel::kWarn},
                                           {"error", LogLevel::kError},
                                           {"off", LogLevel::kOff}}};
  constexpr Words<LogFormat, 2> kFormats = {
      {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}};
  std::vector<Setting> table;
  Group("Listening", ListeningSettings(), &table);
  Setting seed;
  seed.name = "slot_hash_seed";
  seed.value_name = "SEED";
  seed.help = "Seed of the slot hash, decimal or 0x...; fixed for a deployment";
  seed.set = [](absl::string_view text, ServerConfig* config) {
    return Store(ParseSeed(text), &config->slot_hash_seed);
  };
  seed.get = [](const ServerConfig& config) { return FormatSeed(config.slot_hash_seed); };
  Group("Slots",
        {Number<Setting, ServerConfig>("slot_count", CONNTRACK_FIELD(slot_count), 1, 4096,
                                       "Slots, a power of two; fixed for a deployment"),
         std::move(seed)},
        &table);
  Group("Limits", LimitSettings(), &table);
  Setting breakdowns;
  breakdowns.name = "breakdowns";
  breakdowns.value_name = "NAME=FIELD[,FIELD]...[;...]";
  breakdowns.help =
      "What open connections are counted by in metrics: fields of filters that a connection keeps "
      "for life, addresses with prefix lengths; at most 4";
  breakdowns.set = [](absl::string_view text, ServerConfig* config) {
    return Store(ParseBreakdowns(text), &config->breakdowns);
  };
  breakdowns.get = [](const ServerConfig& config) { return FormatBreakdowns(config.breakdowns); };
  Group("Metrics", {std::move(breakdowns)}, &table);
  Group("Operation",
        {Time<Setting, ServerConfig>("drain_timeout", CONNTRACK_FIELD(drain_timeout), Duration(0),
                                     std::chrono::hours(1), "How long streams may take to end"),
         Time<Setting, ServerConfig>("expiry_interval", CONNTRACK_FIELD(expiry_interval),
                                     std::chrono::milliseconds(1), std::chrono::minutes(1),
                                     "How often connections are expired"),
         Choice<LogLevel, 6>("log.level", CONNTRACK_FIELD(log.level), kLevels, "What is logged"),
         Choice<LogFormat, 2>("log.format", CONNTRACK_FIELD(log.format), kFormats,
                              "How it is logged, on standard error")},
        &table);
  for (const ZoneSetting& zone : ZoneSettingTable()) {
    Setting row{absl::StrCat("zone_defaults.", zone.name),
                "Zones that the file says nothing about",
                zone.value_name,
                zone.help,
                zone.is_switch,
                nullptr,
                nullptr};
    row.set = [&zone](absl::string_view text, ServerConfig* config) {
      return zone.set(text, &config->zone_defaults);
    };
    row.get = [&zone](const ServerConfig& config) { return zone.get(config.zone_defaults); };
    table.push_back(std::move(row));
  }
  return table;
}

#undef CONNTRACK_FIELD

// Levenshtein's distance, row by row.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Setting::Flag() const {
  return absl::StrCat("--", absl::StrReplaceAll(name, {{".", "-"}, {"_", "-"}}));
}

std::string Setting::Variable() const {
  return absl::StrCat(kEnvironmentPrefix,
                      absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{".", "_"}})));
}

std::span<const Setting> SettingTable() {
  static const std::vector<Setting>* const table = new std::vector<Setting>(MakeSettings());
  return *table;
}

std::span<const ZoneSetting> ZoneSettingTable() {
  static const std::vector<ZoneSetting>* const table =
      new std::vector<ZoneSetting>(MakeZoneSettings());
  return *table;
}

std::string DidYouMean(absl::string_view text, const std::vector<std::string>& candidates) {
  // Beyond a third of the letters it is another word.
  size_t best = std::max<size_t>(2, text.size() / 3) + 1;
  const std::string* nearest = nullptr;
  // What a stranger types is not compared at any length.
  if (text.size() > 100) return "";
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(text, candidate);
    if (distance < best) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : absl::StrCat("; did you mean ", *nearest, "?");
}

}  // namespace conntrack
