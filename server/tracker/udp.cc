#include "server/tracker/udp.h"

namespace conntrack {

ProtocolResult UpdateUdp(const UdpConnection& udp, bool seen_reply, bool assured, Time now,
                         const ZoneSettings& settings) {
  ProtocolResult result;
  result.timeout = settings.udp;
  if (!seen_reply || now <= udp.stream_after()) return result;
  result.timeout = settings.udp_stream;
  result.assured = !assured;
  return result;
}

ProtocolResult UpdateUdplite(bool seen_reply, bool assured, const ZoneSettings& settings) {
  if (!seen_reply) return {.timeout = settings.udp};
  return {.assured = !assured, .timeout = settings.udp_stream};
}

}  // namespace conntrack
