// Plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "server/tracker/packet.h"

namespace conntrack {

// The bytes of a packet, from its IP header on.
struct WirePacket {
  std::vector<uint8_t> bytes;
  // As the frame around it says.
  Family family = Family::kIpv4;
  // What stands in it where BuildPacket writes its tag.
  uint16_t tag = 0;
};

}  // namespace conntrack
