// The copy of a captured packet that the kernel gets.
//
// Pure functions.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "client/sensor/decode.h"
#include "tests/differential/packet_class.h"
#include "tests/differential/wire_packet.h"

namespace conntrack {

struct KernelCopy {
  WirePacket packet;
  // By Completion.
  std::bitset<kCompletions> completed;
};

// Completes what the capture leaves open, and marks the packet with `tag`, so
// that it is recognised where it comes out: in the IPv4 identification or the
// IPv6 flow label, which no tracker reads. A fragment is marked by the number of
// its datagram.
//
// REQUIRES: decoded is a packet or a fragment, decoded from `bytes`, and
// WhyLeftOut has no reason.
KernelCopy CopyForKernel(const sensor::Decoded& decoded, sensor::Bytes bytes, uint16_t tag);

}  // namespace conntrack
