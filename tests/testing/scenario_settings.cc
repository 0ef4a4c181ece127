#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

template <Duration ZoneSettings::*kField>
SettingName ZoneDuration(const char* name) {
  return {name, true,
          [](const ZoneSettings& settings) -> int64_t { return (settings.*kField).count(); },
          [](int64_t value, ZoneSettings* settings) { settings->*kField = Duration(value); }};
}

template <Duration TcpSettings::*kField>
SettingName TcpDuration(const char* name) {
  return {name, true,
          [](const ZoneSettings& settings) -> int64_t { return (settings.tcp.*kField).count(); },
          [](int64_t value, ZoneSettings* settings) { settings->tcp.*kField = Duration(value); }};
}

template <bool TcpSettings::*kField>
SettingName TcpSwitch(const char* name) {
  return {name, false, [](const ZoneSettings& settings) -> int64_t { return settings.tcp.*kField; },
          [](int64_t value, ZoneSettings* settings) { settings->tcp.*kField = value != 0; }};
}

template <TcpState kState>
SettingName StateTimeout(const char* name) {
  return {name, true,
          [](const ZoneSettings& settings) -> int64_t {
            return settings.tcp.TimeoutOf(kState).count();
          },
          [](int64_t value, ZoneSettings* settings) {
            settings->tcp.timeout[static_cast<size_t>(kState)] = Duration(value);
          }};
}

template <SctpState kState>
SettingName SctpTimeout(const char* name) {
  return {name, true,
          [](const ZoneSettings& settings) -> int64_t {
            return settings.sctp.TimeoutOf(kState).count();
          },
          [](int64_t value, ZoneSettings* settings) {
            settings->sctp.timeout[static_cast<size_t>(kState)] = Duration(value);
          }};
}

const SettingName* FindSetting(absl::string_view name) {
  for (const SettingName& setting : SettingNames()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

// What is too large for a setting does not come back from it.
bool Holds(const SettingName& setting, int64_t value) {
  ZoneSettings settings;
  setting.set(value, &settings);
  return setting.get(settings) == value;
}

std::string ValuesOf(const SettingName& setting) {
  if (setting.is_duration) return "a duration such as 90s or 1h30m";
  if (!Holds(setting, 2)) return "0 or 1";
  if (!Holds(setting, 256)) return "a number from 0 to 255";
  return "a number";
}

std::optional<int64_t> ParseValue(const SettingName& setting, const std::string& text) {
  int64_t value = 0;
  absl::Duration duration;
  if (setting.is_duration) {
    if (!absl::ParseDuration(text, &duration)) return std::nullopt;
    value = absl::ToInt64Nanoseconds(duration);
  } else if (!absl::SimpleAtoi(text, &value) || value < 0) {
    return std::nullopt;
  }
  if (!Holds(setting, value)) return std::nullopt;
  return value;
}

}  // namespace

absl::Status ChangeSetting(absl::string_view word, ZoneSettings* settings) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
  const SettingName* setting = FindSetting(parts.first);
  if (setting == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word, "\" names no setting; there are ",
                     absl::StrJoin(SettingNames(), ", ", [](std::string* out, const auto& each) {
                       absl::StrAppend(out, each.name);
                     })));
  }
  const std::optional<int64_t> value = ParseValue(*setting, parts.second);
  if (!value.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word, "\": ", setting->name, " takes ", ValuesOf(*setting)));
  }
  setting->set(*value, settings);
  return settings->Validate();
}

const std::vector<SettingName>& SettingNames() {
  static const std::vector<SettingName> names = {
      StateTimeout<TcpState::kSynSent>("tcp_syn_sent"),
      StateTimeout<TcpState::kSynRecv>("tcp_syn_recv"),
      StateTimeout<TcpState::kEstablished>("tcp_established"),
      StateTimeout<TcpState::kFinWait>("tcp_fin_wait"),
      StateTimeout<TcpState::kCloseWait>("tcp_close_wait"),
      StateTimeout<TcpState::kLastAck>("tcp_last_ack"),
      StateTimeout<TcpState::kTimeWait>("tcp_time_wait"),
      StateTimeout<TcpState::kClose>("tcp_close"),
      StateTimeout<TcpState::kSynSent2>("tcp_syn_sent2"),
      TcpDuration<&TcpSettings::max_retransmission_timeout>("tcp_max_retrans_timeout"),
      TcpDuration<&TcpSettings::unacknowledged>("tcp_unacknowledged"),
      TcpSwitch<&TcpSettings::loose>("tcp_loose"),
      TcpSwitch<&TcpSettings::be_liberal>("tcp_be_liberal"),
      TcpSwitch<&TcpSettings::ignore_invalid_rst>("tcp_ignore_invalid_rst"),
      TcpSwitch<&TcpSettings::nonclosing_rst_uses_close_timeout>("tcp_nonclosing_rst_closes"),
      {"tcp_max_retrans", false,
       [](const ZoneSettings& settings) -> int64_t { return settings.tcp.max_retransmissions; },
       [](int64_t value, ZoneSettings* settings) {
         settings->tcp.max_retransmissions = static_cast<uint8_t>(value);
       }},
      {"checksum", false, [](const ZoneSettings& settings) -> int64_t { return settings.checksum; },
       [](int64_t value, ZoneSettings* settings) { settings->checksum = value != 0; }},
      {"connections_max", false,
       [](const ZoneSettings& settings) -> int64_t {
         return static_cast<int64_t>(settings.connections_max);
       },
       [](int64_t value, ZoneSettings* settings) {
         settings->connections_max = static_cast<uint64_t>(value);
       }},
      ZoneDuration<&ZoneSettings::udp>("udp"),
      ZoneDuration<&ZoneSettings::udp_stream>("udp_stream"),
      ZoneDuration<&ZoneSettings::icmp>("icmp"),
      ZoneDuration<&ZoneSettings::icmpv6>("icmpv6"),
      ZoneDuration<&ZoneSettings::generic>("generic"),
      ZoneDuration<&ZoneSettings::gre>("gre"),
      ZoneDuration<&ZoneSettings::gre_stream>("gre_stream"),
      SctpTimeout<SctpState::kClosed>("sctp_closed"),
      SctpTimeout<SctpState::kCookieWait>("sctp_cookie_wait"),
      SctpTimeout<SctpState::kCookieEchoed>("sctp_cookie_echoed"),
      SctpTimeout<SctpState::kEstablished>("sctp_established"),
      SctpTimeout<SctpState::kShutdownSent>("sctp_shutdown_sent"),
      SctpTimeout<SctpState::kShutdownRecd>("sctp_shutdown_recd"),
      SctpTimeout<SctpState::kShutdownAckSent>("sctp_shutdown_ack_sent"),
      SctpTimeout<SctpState::kHeartbeatSent>("sctp_heartbeat_sent"),
  };
  return names;
}

}  // namespace conntrack
