// GRE as Netfilter tracks it: assured with the first packet after a reply. Pure
// functions.
//
// Version 0 has one connection for a pair of addresses. The packets of version 1
// (PPTP, RFC 2637) carry the call id of their receiver only, so each direction
// of a call is a connection of its own, unless its id is 0.
#pragma once

#include "server/tracker/protocol.h"
#include "server/tracker/settings.h"

namespace conntrack {

// Moves the connection on by one packet. `seen_reply` and `assured` are as
// before the packet.
inline ProtocolResult UpdateGre(bool seen_reply, bool assured, const ZoneSettings& settings) {
  if (!seen_reply) return {.timeout = settings.gre};
  return {.assured = !assured, .timeout = settings.gre_stream};
}

}  // namespace conntrack
