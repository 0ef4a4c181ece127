#include "server/tracker/names.h"

#include <array>

namespace conntrack {
namespace {

constexpr std::array<const char*, kVerdictKinds> kVerdictNames = {
    "new", "established", "related", "invalid", "untracked", "table_full"};

constexpr std::array<const char*, kTcpStates> kTcpStateNames = {
    "none",       "syn_sent", "syn_recv",  "established", "fin_wait",
    "close_wait", "last_ack", "time_wait", "close",       "syn_sent2"};

constexpr std::array<const char*, kSctpStates> kSctpStateNames = {
    "none",          "closed",        "cookie_wait",       "cookie_echoed", "established",
    "shutdown_sent", "shutdown_recd", "shutdown_ack_sent", "heartbeat_sent"};

constexpr std::array<const char*, kInvalidReasons> kReasonNames = {
    "none",
    "fragment",
    "network_header",
    "transport_truncated",
    "checksum",
    "tcp_header_length",
    "tcp_flags",
    "tcp_no_connection",
    "tcp_not_picked_up",
    "tcp_state",
    "tcp_seq_over_window",
    "tcp_ack_unseen",
    "tcp_rst_before_ack",
    "udp_length",
    "icmp_type",
    "icmp_no_request",
    "icmp_error_quote",
    "icmp_error_unknown",
    "icmp_error_destination",
    "icmpv6_redirect",
    "sctp_chunks",
    "sctp_no_connection",
    "sctp_state",
    "sctp_tag",
    "gre_version",
    "udplite_coverage",
};

}  // namespace

const char* NameOf(VerdictKind kind) { return kVerdictNames[static_cast<size_t>(kind)]; }
const char* NameOf(InvalidReason reason) { return kReasonNames[static_cast<size_t>(reason)]; }
const char* NameOf(TcpState state) { return kTcpStateNames[static_cast<size_t>(state)]; }
const char* NameOf(SctpState state) { return kSctpStateNames[static_cast<size_t>(state)]; }

}  // namespace conntrack
