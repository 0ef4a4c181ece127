// What the tracker is told of a packet that a test describes: the place of the
// sensor's decoder between bytes and Packet.
#pragma once

#include <vector>

#include "server/tracker/packet.h"
#include "tests/testing/packet_builder.h"

namespace conntrack {

// What a packet points to.
struct PacketParts {
  Quote quote;
  std::vector<SctpChunk> chunks;
};

// The metadata of BuildPacket(spec, endpoints, ...). What it points to is written
// to `*parts`, which must live as long as the packet.
Packet TrackerPacketOf(const PacketSpec& spec, const Endpoints& endpoints, Time time,
                       PacketParts* parts);

}  // namespace conntrack
