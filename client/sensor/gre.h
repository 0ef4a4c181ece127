// Reads how a GRE header names its connection: by the call id of PPTP's version
// 1 (RFC 2637 4.1), else by nothing.
//
// Pure. Cost: a few loads.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// Sets `ports` (as Packet::ports) from a GRE header of which the wire had
// `length` bytes. Like Netfilter, takes a header too short for a call id, and one
// of another version than 1, for a header of version 0, which names nothing.
// Version 1 with something else than PPP inside is kMalformed.
//
// REQUIRES: captured.size() <= length.
ReadEnd ReadGre(Bytes captured, uint32_t length, uint32_t& ports);

}  // namespace conntrack::sensor
