// The TCP options that connection tracking uses: window scale, SACK permitted,
// and the highest edge of the first SACK option.
//
// Pure. Cost: one step an option; a lone timestamp, the usual case, is one
// comparison.
#pragma once

#include "client/sensor/bytes.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// Reads `options` up to their end or the first malformed one, as Netfilter
// does, into packet.tcp_options and packet.sack_edge.
//
// REQUIRES: packet.acknowledgment is set.
void ParseTcpOptions(Bytes options, Packet& packet);

}  // namespace conntrack::sensor
