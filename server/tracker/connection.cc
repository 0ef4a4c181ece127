#include "server/tracker/connection.h"

#include "server/tracker/names.h"

namespace conntrack {
namespace {

constexpr std::array<const char*, 6> kOtherProtocols = {"udp",    "udplite", "icmp",
                                                        "icmpv6", "gre",     "other"};
constexpr std::array<const char*, 3> kOtherStates = {"unreplied", "replied", "assured"};

size_t OtherProtocolIndex(uint8_t protocol) {
  switch (protocol) {
    case kProtocolUdp:
      return 0;
    case kProtocolUdplite:
      return 1;
    case kProtocolIcmp:
      return 2;
    case kProtocolIcmpv6:
      return 3;
    case kProtocolGre:
      return 4;
    default:
      return 5;
  }
}

}  // namespace

uint32_t ConnectionRef::IcmpAnswer() const {
  const uint32_t ports = record_->ports;
  return IcmpWord(InverseIcmpType(family(), IcmpType(ports)).value_or(0), IcmpCode(ports),
                  IcmpId(ports));
}

Key ConnectionRef::key() const {
  return {End(true), End(false), record_->ports, record_->zone, record_->protocol, family()};
}

StoredConnection ConnectionRef::Copy() const {
  StoredConnection copy{*record_, *extra_, {}, labels()};
  if (record_->ipv6) copy.addresses = *addresses_;
  return copy;
}

size_t GaugeOf(const Record& record) {
  if (record.protocol == kProtocolTcp) return static_cast<size_t>(record.tcp.state);
  if (record.protocol == kProtocolSctp) return kTcpStates + static_cast<size_t>(record.sctp.state);
  const size_t state = record.Has(status_bit::kAssured)     ? 2
                       : record.Has(status_bit::kSeenReply) ? 1
                                                            : 0;
  return kTcpStates + kSctpStates + OtherProtocolIndex(record.protocol) * kOtherStates.size() +
         state;
}

GaugeName NameOfGauge(size_t gauge) {
  if (gauge < kTcpStates) return {"tcp", NameOf(static_cast<TcpState>(gauge))};
  gauge -= kTcpStates;
  if (gauge < kSctpStates) return {"sctp", NameOf(static_cast<SctpState>(gauge))};
  gauge -= kSctpStates;
  return {kOtherProtocols[gauge / kOtherStates.size()], kOtherStates[gauge % kOtherStates.size()]};
}

}  // namespace conntrack
