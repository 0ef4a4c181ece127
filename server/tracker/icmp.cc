#include "server/tracker/icmp.h"

#include "server/tracker/tuple.h"

namespace conntrack {
namespace {

constexpr uint8_t kRedirectV6 = 137;

IcmpKind KindOfIcmpv4(uint8_t type) {
  switch (type) {
    case 3:   // Destination unreachable.
    case 4:   // Source quench.
    case 5:   // Redirect.
    case 11:  // Time exceeded.
    case 12:  // Parameter problem.
      return IcmpKind::kError;
    default:
      break;
  }
  if (!InverseIcmpType(Family::kIpv4, type)) return IcmpKind::kInvalid;
  return IsIcmpQuery(Family::kIpv4, type) ? IcmpKind::kQuery : IcmpKind::kAnswer;
}

IcmpKind KindOfIcmpv6(uint8_t type) {
  // RFC 4443 2.1: error messages have the high bit clear.
  if (type < 128 || type == kRedirectV6) return IcmpKind::kError;
  const bool discovery = (type >= 130 && type <= 136) || type == 143 || type == 151 || type == 152;
  if (discovery) return IcmpKind::kUntracked;
  if (!InverseIcmpType(Family::kIpv6, type)) return IcmpKind::kInvalid;
  return IsIcmpQuery(Family::kIpv6, type) ? IcmpKind::kQuery : IcmpKind::kAnswer;
}

}  // namespace

IcmpKind KindOfIcmp(const Packet& packet) {
  const bool ipv4 = packet.family == Family::kIpv4;
  if (packet.protocol == kProtocolIcmp) {
    return ipv4 ? KindOfIcmpv4(IcmpType(packet.ports)) : IcmpKind::kInvalid;
  }
  if (packet.protocol == kProtocolIcmpv6) {
    return ipv4 ? IcmpKind::kInvalid : KindOfIcmpv6(IcmpType(packet.ports));
  }
  return IcmpKind::kNotIcmp;
}

InvalidReason CheckIcmpError(const Packet& packet) {
  if (packet.family == Family::kIpv6 && IcmpType(packet.ports) == kRedirectV6) {
    // RFC 4861 8.1: a redirect comes from a neighbour's link-local address.
    const bool link_local = (packet.source.high >> 54) == (0xFE80u >> 6);
    if ((packet.flags & packet_flag::kHopLimit255) == 0 || !link_local) {
      return InvalidReason::kIcmpv6Redirect;
    }
  }
  return packet.quote == nullptr ? InvalidReason::kIcmpErrorQuote : InvalidReason::kNone;
}

}  // namespace conntrack
