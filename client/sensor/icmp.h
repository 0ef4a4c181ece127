// Reads ICMP and ICMPv6: type, code, id, and the start of the packet that an
// error quotes (RFC 792, RFC 4443; redirects of RFC 4861 4.5).
//
// Pure functions over bytes from strangers.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// As ParseTransportLayer, for a packet whose protocol is ICMP or ICMPv6. An
// error whose quote is too short, or quotes a later fragment, is malformed.
//
// ICMP inside IPv6, and ICMPv6 inside IPv4, belong to nothing: type, code and id
// are read, a quote is not.
Discard ParseIcmp(Bytes captured, uint32_t length, Checksums checksums, Packet& packet);

}  // namespace conntrack::sensor
