// Every timeout and switch of a zone, with Linux's defaults (the sysctls named
// net.netfilter.nf_conntrack_* of Linux 6.18). Plain data.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "absl/status/status.h"
#include "server/tracker/time.h"

namespace conntrack {

// Netfilter's states of a TCP connection.
enum class TcpState : uint8_t {
  kNone = 0,
  kSynSent,
  kSynRecv,
  kEstablished,
  kFinWait,
  kCloseWait,
  kLastAck,
  kTimeWait,
  kClose,
  kSynSent2,
};
inline constexpr size_t kTcpStates = 10;

struct TcpSettings {
  // tcp_loose: pick up connections whose beginning was not seen.
  bool loose = true;
  // tcp_be_liberal: accept what lies outside the window.
  bool be_liberal = false;
  // tcp_ignore_invalid_rst: a RST below the highest acknowledgement goes to the
  // window check.
  bool ignore_invalid_rst = false;
  // What Linux up to 6.18.44 does: a RST that leaves its connection open gives
  // it the timeout of CLOSE. Newer kernels: `unacknowledged`.
  bool nonclosing_rst_uses_close_timeout = true;
  // tcp_max_retrans: identical packets until `max_retransmission_timeout`.
  uint8_t max_retransmissions = 3;
  // By TcpState; kNone is not used.
  std::array<Duration, kTcpStates> timeout = {
      std::chrono::seconds(0),   std::chrono::seconds(120), std::chrono::seconds(60),
      std::chrono::hours(120),   std::chrono::seconds(120), std::chrono::seconds(60),
      std::chrono::seconds(30),  std::chrono::seconds(120), std::chrono::seconds(10),
      std::chrono::seconds(120),
  };
  // tcp_timeout_max_retrans.
  Duration max_retransmission_timeout = std::chrono::seconds(300);
  // tcp_timeout_unacknowledged.
  Duration unacknowledged = std::chrono::seconds(300);

  Duration TimeoutOf(TcpState state) const { return timeout[static_cast<size_t>(state)]; }

  friend bool operator==(const TcpSettings&, const TcpSettings&) = default;
};

// Netfilter's states of an SCTP association.
enum class SctpState : uint8_t {
  kNone = 0,
  kClosed,
  kCookieWait,
  kCookieEchoed,
  kEstablished,
  kShutdownSent,
  kShutdownRecd,
  kShutdownAckSent,
  kHeartbeatSent,
};
inline constexpr size_t kSctpStates = 9;

struct SctpSettings {
  // sctp_timeout_*, by SctpState; kNone is not used.
  std::array<Duration, kSctpStates> timeout = {
      std::chrono::seconds(0), std::chrono::seconds(10),  std::chrono::seconds(3),
      std::chrono::seconds(3), std::chrono::seconds(210), std::chrono::seconds(3),
      std::chrono::seconds(3), std::chrono::seconds(3),   std::chrono::seconds(30),
  };

  Duration TimeoutOf(SctpState state) const { return timeout[static_cast<size_t>(state)]; }

  friend bool operator==(const SctpSettings&, const SctpSettings&) = default;
};

struct ZoneSettings {
  // Most connections of the zone. Memory: about 170 bytes each when used.
  uint64_t connections_max = 1u << 20;
  // nf_conntrack_checksum: a packet with a wrong checksum is INVALID.
  bool checksum = true;
  TcpSettings tcp;
  SctpSettings sctp;
  // udp_timeout: no reply yet, or both ways for less than 2 s. UDP-Lite too.
  Duration udp = std::chrono::seconds(30);
  // udp_timeout_stream. UDP-Lite too.
  Duration udp_stream = std::chrono::seconds(120);
  // icmp_timeout, icmpv6_timeout.
  Duration icmp = std::chrono::seconds(30);
  Duration icmpv6 = std::chrono::seconds(30);
  // gre_timeout: no reply yet.
  Duration gre = std::chrono::seconds(30);
  // gre_timeout_stream.
  Duration gre_stream = std::chrono::seconds(180);
  // generic_timeout.
  Duration generic = std::chrono::seconds(600);

  // InvalidArgument, naming the field and the value, when a timeout is not
  // between 1 ms and 40 days or the limit is not between 1 and 2^30.
  absl::Status Validate() const;

  friend bool operator==(const ZoneSettings&, const ZoneSettings&) = default;
};

}  // namespace conntrack
