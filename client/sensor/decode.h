// Decode turns one captured frame into a packet's metadata, a fragment of one,
// or the reason why it is neither. It is where bytes from strangers are read.
//
// Pure: the same bytes and lengths always give the same answer. Thread-safe.
// Costs no allocation; tens of nanoseconds and the checksum of what was
// captured.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/link_layer.h"
#include "client/sensor/network_layer.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// One frame as a capture delivers it. A view: the bytes live as long as the
// capture says.
struct Frame {
  LinkType link_type;
  uint64_t time_unix_ns;
  Bytes captured;
  uint32_t original_length;  // On the wire.
};

struct Decoded {
  enum class Kind : uint8_t { kPacket, kFragment, kDiscarded };
  Kind kind;
  Discard discard;    // kDiscarded: why.
  Packet packet;      // kPacket: all of it. kFragment: the network part.
  Fragment fragment;  // kFragment. Its bytes live as long as the frame's.
};

// The latest time that fits a batch (PacketBatch.base_time_unix_ns).
inline constexpr uint64_t kTimeMaxUnixNs = (uint64_t{1} << 63) - (uint64_t{1} << 33);

// Decodes `frame` into `decoded`, all of which is overwritten as far as `kind`
// says it is meaningful.
void Decode(const Frame& frame, Checksums checksums, Decoded& decoded);

// Finishes a datagram put together from fragments: `packet` has the network
// part of its first fragment, `captured` the start of its payload of `length`
// bytes. Sets total length and transport part. Returns kNone or
// kCaptureTruncated.
//
// REQUIRES: captured.size() <= length.
Discard DecodeReassembled(Bytes captured, uint32_t length, Checksums checksums, Packet& packet);

}  // namespace conntrack::sensor
