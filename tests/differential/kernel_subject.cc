#include "tests/differential/kernel_subject.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

std::optional<Verdict> VerdictOf(std::optional<uint8_t> dscp) {
  if (!dscp.has_value()) return std::nullopt;
  Verdict verdict;
  if ((*dscp & verdict_dscp::kReplyBit) != 0) verdict.direction = Direction::kReply;
  switch (*dscp & ~verdict_dscp::kReplyBit) {
    case verdict_dscp::kNew:
      verdict.kind = VerdictKind::kNew;
      return verdict;
    case verdict_dscp::kEstablished:
      verdict.kind = VerdictKind::kEstablished;
      return verdict;
    case verdict_dscp::kRelated:
      verdict.kind = VerdictKind::kRelated;
      return verdict;
    case verdict_dscp::kInvalid:
      verdict.kind = VerdictKind::kInvalid;
      return verdict;
    case verdict_dscp::kUntracked:
      verdict.kind = VerdictKind::kUntracked;
      return verdict;
    default:
      return std::nullopt;
  }
}

// Sysctls of net.netfilter for the settings.
std::vector<std::pair<const char*, int64_t>> SysctlsOf(const ZoneSettings& settings) {
  const TcpSettings& tcp = settings.tcp;
  const auto seconds = [](Duration duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  };
  const auto of = [&](TcpState state) { return seconds(tcp.TimeoutOf(state)); };
  return {
      {"nf_conntrack_checksum", settings.checksum},
      {"nf_conntrack_tcp_loose", tcp.loose},
      {"nf_conntrack_tcp_be_liberal", tcp.be_liberal},
      {"nf_conntrack_tcp_ignore_invalid_rst", tcp.ignore_invalid_rst},
      {"nf_conntrack_tcp_max_retrans", tcp.max_retransmissions},
      {"nf_conntrack_tcp_timeout_syn_sent", of(TcpState::kSynSent)},
      {"nf_conntrack_tcp_timeout_syn_recv", of(TcpState::kSynRecv)},
      {"nf_conntrack_tcp_timeout_established", of(TcpState::kEstablished)},
      {"nf_conntrack_tcp_timeout_fin_wait", of(TcpState::kFinWait)},
      {"nf_conntrack_tcp_timeout_close_wait", of(TcpState::kCloseWait)},
      {"nf_conntrack_tcp_timeout_last_ack", of(TcpState::kLastAck)},
      {"nf_conntrack_tcp_timeout_time_wait", of(TcpState::kTimeWait)},
      {"nf_conntrack_tcp_timeout_close", of(TcpState::kClose)},
      {"nf_conntrack_tcp_timeout_max_retrans", seconds(tcp.max_retransmission_timeout)},
      {"nf_conntrack_tcp_timeout_unacknowledged", seconds(tcp.unacknowledged)},
      {"nf_conntrack_udp_timeout", seconds(settings.udp)},
      {"nf_conntrack_udp_timeout_stream", seconds(settings.udp_stream)},
      {"nf_conntrack_icmp_timeout", seconds(settings.icmp)},
      {"nf_conntrack_icmpv6_timeout", seconds(settings.icmpv6)},
      {"nf_conntrack_generic_timeout", seconds(settings.generic)},
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelSubject>> KernelSubject::Create() {
  auto network = KernelNetwork::Create();
  if (!network.ok()) return network.status();
  auto netlink = KernelNetlink::Create();
  if (!netlink.ok()) return netlink.status();
  return std::unique_ptr<KernelSubject>(
      new KernelSubject(std::move(*network), std::move(*netlink)));
}

absl::StatusOr<Observation> KernelSubject::Send(const PacketSpec& spec,
                                                const Endpoints& endpoints) {
  ++tag_;
  Observation observation;
  observation.verdict = VerdictOf(network_->Forward(BuildPacket(spec, endpoints, tag_), tag_));
  if (const std::optional<SeenTuple> tuple = TupleOf(spec, endpoints)) {
    auto connection = netlink_->Get(*tuple, endpoints.family);
    if (!connection.ok()) return connection.status();
    observation.connection = *connection;
  }
  // Asked for last: a connection that has expired ends when somebody looks.
  auto events = netlink_->TakeEvents();
  if (!events.ok()) return events.status();
  observation.events = std::move(*events);
  return observation;
}

absl::Status KernelSubject::Reset(const ZoneSettings& settings) {
  for (const auto& [name, value] : SysctlsOf(settings)) {
    absl::Status status = KernelNetwork::SetSysctl(name, absl::StrCat(value));
    if (!status.ok()) return status;
  }
  return netlink_->Flush();
}

}  // namespace conntrack
