// Reads IPv4 and IPv6 headers the way a Linux host does before it hands a
// packet to connection tracking: what the host would throw away is discarded,
// what tracking would call INVALID is marked malformed.
//
// Pure functions over bytes from strangers; they read nothing beyond the
// capture. Cost: the header once (its checksum), a step per extension header.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/link_layer.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// A piece of a datagram that was cut on its way. The addresses stand in the
// packet it belongs to.
struct Fragment {
  uint32_t id;
  uint32_t offset;  // Of its first byte in the payload of the datagram.
  bool more;        // It is not the last.
  // The protocol behind the fragment header. IPv6: what stands in the fragment
  // with offset 0 counts.
  uint8_t protocol;
  Bytes captured;   // What the capture has of its payload.
  uint32_t length;  // How long the payload was on the wire.
};

// What lies behind the IP header.
struct NetworkPayload {
  Discard discard;   // Not kNone: there is no packet.
  bool is_fragment;  // `fragment` is set, the next two are not.
  Bytes captured;
  uint32_t length;  // On the wire; at least captured.size().
  Fragment fragment;
};

// Reads the IP header at the start of `link` and writes addresses, protocol,
// lengths, hop limit flag and, where due, the malformed reason into `packet`,
// which must be zeroed but for its time.
NetworkPayload ParseNetworkLayer(const LinkPayload& link, Checksums checksums, Packet& packet);

// Where a chain of IPv6 extension headers leads.
struct Ipv6Chain {
  enum class End : uint8_t {
    kUpperLayer,        // `protocol` begins at `length`.
    kFragment,          // A fragment header ends at `length`; the last three fields are set.
    kLaterFragment,     // The same, where nothing can be put together any more.
    kMalformed,         // It cannot be followed.
    kCaptureTruncated,  // The capture ends first.
  };
  End end;
  uint8_t protocol;
  uint32_t length;
  uint32_t fragment_id;
  uint32_t fragment_offset;
  bool fragment_more;
};

// Whether fragments can still be put together.
enum class Reassembly : uint8_t { kBefore, kAfter };

// Follows the chain that starts with header `protocol` at the start of
// `captured`, of which the wire had `length` bytes.
//
// A fragment header that cuts nothing (RFC 6946) is one of a datagram of one
// fragment: Linux puts it together like others, which takes the header out. It
// does so once: in a datagram that was put together, a first fragment is read as
// it is, and a later one has no ports.
Ipv6Chain FollowIpv6Chain(uint8_t protocol, Bytes captured, uint32_t length, Reassembly reassembly);

}  // namespace conntrack::sensor
