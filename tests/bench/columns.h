// The packets of benchmarks as sensors send them.
//
// Pure functions.
#pragma once

#include <span>

#include "conntrack/v1/packet_batch.pb.h"
#include "server/tracker/packet.h"

namespace conntrack::bench {

// REQUIRES: all packets are of one family, TCP or UDP, and without options; none
// is malformed.
v1::PacketBatch ToColumns(std::span<const Packet> packets);

}  // namespace conntrack::bench
