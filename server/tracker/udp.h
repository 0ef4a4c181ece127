// UDP and UDP-Lite as Netfilter tracks them. UDP: a connection is a stream, and assured, once it
// has traffic both ways more than 2 s after it began. Pure functions.
#pragma once

#include "server/tracker/connection.h"
#include "server/tracker/protocol.h"
#include "server/tracker/settings.h"

namespace conntrack {

inline UdpConnection BeginUdp(Time now) {
  return UdpConnection::StreamAfter(now + std::chrono::seconds(2));
}

// UDP-Lite: a stream, and assured, with the first packet after a reply.
inline ProtocolResult UpdateUdplite(bool seen_reply, bool assured, const ZoneSettings& settings) {
  if (!seen_reply) return {.timeout = settings.udp};
  return {.assured = !assured, .timeout = settings.udp_stream};
}

// Moves the connection on by one packet. `seen_reply` and `assured` are as
// before the packet.
inline ProtocolResult UpdateUdp(const UdpConnection& udp, bool seen_reply, bool assured, Time now,
                                const ZoneSettings& settings) {
  if (!seen_reply || now <= udp.stream_after()) return {.timeout = settings.udp};
  return {.assured = !assured, .timeout = settings.udp_stream};
}

}  // namespace conntrack
