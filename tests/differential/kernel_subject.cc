#include "tests/differential/kernel_subject.h"

#include <string>
#include <thread>
#include <utility>

#include "tests/differential/kernel_settings.h"

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
  return SendBytes({BuildPacket(spec, endpoints, tag_), endpoints.family, tag_},
                   TupleOf(spec, endpoints));
}

absl::StatusOr<Observation> KernelSubject::SendBytes(const WirePacket& packet,
                                                     const std::optional<SeenTuple>& tuple,
                                                     std::chrono::milliseconds patience) {
  Observation observation;
  observation.verdict =
      VerdictOf(network_->Forward(packet.bytes, packet.family, packet.tag, patience));
  if (tuple.has_value()) {
    auto connection = netlink_->Get(*tuple, tuple->family);
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
    absl::Status status = KernelNetwork::SetSysctl(name, value);
    if (!status.ok()) return status;
  }
  absl::Status status = netlink_->Flush();
  reset_at_ = std::chrono::steady_clock::now();
  return status;
}

void KernelSubject::Wait(Duration duration) { std::this_thread::sleep_for(duration); }

Duration KernelSubject::WaitUntil(Duration since_reset) const {
  std::this_thread::sleep_until(reset_at_ + since_reset);
  return std::chrono::steady_clock::now() - reset_at_ - since_reset;
}

}  // namespace conntrack
