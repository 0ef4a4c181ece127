// Values of TCP fields that lie where a tracker's rules change.
//
// Pure functions of their random source.
#pragma once

#include <cstdint>

#include "tests/differential/conversation.h"

namespace conntrack {

// A window as it stands in the header.
uint16_t TcpWindow(Random* random);

// A distance from where a sequence number should be.
uint32_t TcpOffset(Random* random);

// Adds options that break off, run over, or have the wrong length.
void DistortOptions(PacketSpec* spec, Random* random);

}  // namespace conntrack
