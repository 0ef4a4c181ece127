#include "server/tracker/protocols.h"

#include "server/tracker/gre.h"
#include "server/tracker/icmp.h"
#include "server/tracker/sctp.h"
#include "server/tracker/tcp.h"
#include "server/tracker/udp.h"

namespace conntrack {
namespace {

Duration FirstTimeout(const Packet& packet, const ZoneSettings& settings) {
  switch (packet.protocol) {
    case kProtocolUdp:
    case kProtocolUdplite:
      return settings.udp;
    case kProtocolGre:
      return settings.gre;
    case kProtocolIcmp:
      return settings.icmp;
    case kProtocolIcmpv6:
      return settings.icmpv6;
    default:
      return settings.generic;
  }
}

}  // namespace

InvalidReason CheckHeader(const Packet& packet) {
  if (packet.protocol == kProtocolTcp) return CheckTcpFlags(packet.tcp_flags);
  if (packet.protocol == kProtocolSctp) return CheckSctpChunks(packet.chunks());
  return InvalidReason::kNone;
}

ProtocolResult BeginProtocol(const Packet& packet, Time now, const ZoneSettings& settings,
                             Record* record) {
  switch (packet.protocol) {
    case kProtocolTcp: {
      const InvalidReason reason = BeginTcp(packet, settings.tcp, &record->tcp);
      if (reason != InvalidReason::kNone) return ProtocolResult::Invalid(reason);
      return UpdateTcp(packet, {Direction::kOriginal, false, false, false, Duration(0)},
                       settings.tcp, &record->tcp);
    }
    case kProtocolSctp: {
      record->sctp = SctpConnection{};
      const InvalidReason reason = BeginSctp(packet, &record->sctp);
      if (reason != InvalidReason::kNone) return ProtocolResult::Invalid(reason);
      return UpdateSctp(packet, Direction::kOriginal, false, settings.sctp, &record->sctp);
    }
    case kProtocolUdp:
      record->udp = BeginUdp(now);
      break;
    default:
      if (KindOfIcmp(packet) == IcmpKind::kAnswer) {
        return ProtocolResult::Invalid(InvalidReason::kIcmpNoRequest);
      }
  }
  return {.timeout = FirstTimeout(packet, settings)};
}

ProtocolResult UpdateProtocol(const Packet& packet, Direction direction, Time now,
                              const ZoneSettings& settings, Record* record) {
  const bool seen_reply = record->Has(status_bit::kSeenReply);
  const bool assured = record->Has(status_bit::kAssured);
  switch (record->protocol) {
    case kProtocolTcp:
      return UpdateTcp(packet,
                       {direction, seen_reply, assured, record->Has(status_bit::kFixedTimeout),
                        record->deadline - now},
                       settings.tcp, &record->tcp);
    case kProtocolUdp:
      return UpdateUdp(record->udp, seen_reply, assured, now, settings);
    case kProtocolSctp:
      return UpdateSctp(packet, direction, assured, settings.sctp, &record->sctp);
    case kProtocolUdplite:
      return UpdateUdplite(seen_reply, assured, settings);
    case kProtocolGre:
      return UpdateGre(seen_reply, assured, settings);
    default:
      return {.timeout = FirstTimeout(packet, settings)};
  }
}

bool IsClosing(const Record& record) {
  if (record.protocol == kProtocolSctp) {
    return record.sctp.state >= SctpState::kShutdownSent &&
           record.sctp.state <= SctpState::kShutdownAckSent;
  }
  return record.protocol == kProtocolTcp && record.tcp.state >= TcpState::kFinWait &&
         record.tcp.state <= TcpState::kClose;
}

}  // namespace conntrack
