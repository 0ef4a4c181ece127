// What the tracker is told of a packet that a test describes: the place of the
// sensor's decoder between bytes and Packet.
#pragma once

#include "server/tracker/packet.h"
#include "tests/testing/packet_builder.h"

namespace conntrack {

// The metadata of BuildPacket(spec, endpoints, ...). An ICMP error's quote is
// written to `*quote`, which must live as long as the packet.
Packet TrackerPacketOf(const PacketSpec& spec, const Endpoints& endpoints, Time time, Quote* quote);

}  // namespace conntrack
