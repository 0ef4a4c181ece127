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

}  // namespace

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
