// Reads the header above IP, of a whole or reassembled packet, as far as
// connection tracking needs it: TCP with its options, UDP, UDP-Lite, ICMP and
// ICMPv6 with the packet an error quotes, GRE, SCTP with its chunks.
//
// Pure functions over bytes from strangers; they read nothing beyond the
// capture. Cost: the header, and one pass over the payload for the checksum
// when the capture has all of it.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// Fills the transport part of `packet`, whose network part is set, from a
// segment of `length` bytes of which `captured` are at hand. A header that
// breaks a rule makes the packet malformed. Returns kCaptureTruncated when the
// capture ends before what the packet's row needs, else kNone.
//
// REQUIRES: captured.size() <= length.
Discard ParseTransportLayer(Bytes captured, uint32_t length, Checksums checksums, Packet& packet);

}  // namespace conntrack::sensor
