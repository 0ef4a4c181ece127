// Finds the IP packet inside a captured frame: Ethernet with VLAN tags, MPLS
// labels and PPPoE, Linux cooked captures, raw IP, BSD loopback, and netfilter
// logs.
//
// Pure functions over bytes from strangers; they read nothing beyond the
// capture. Cost: a few loads a header.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

enum class LinkType : uint8_t {
  kEthernet,
  kLinuxCooked,   // LINKTYPE_LINUX_SLL.
  kLinuxCooked2,  // LINKTYPE_LINUX_SLL2.
  kRawIp,         // IPv4 or IPv6, told apart by the version.
  kRawIpv4,
  kRawIpv6,
  kNull,   // Address family of the capturing machine, in its byte order.
  kLoop,   // The same in network byte order.
  kNflog,  // Attributes of a netfilter log message.
};
inline constexpr size_t kLinkTypes = static_cast<size_t>(LinkType::kNflog) + 1;

// Which IP the link layer announces.
enum class IpFamily : uint8_t { kIpv4, kIpv6, kByVersion };

struct LinkPayload {
  // kNone, or why there is no IP packet; the rest is then unspecified.
  Discard discard;
  IpFamily family;
  // What was captured of the IP packet, and of the padding behind it.
  Bytes captured;
  // How long that was on the wire; at least captured.size().
  uint32_t original_length;
};

// `original_length` is the length of the frame on the wire; a capture that
// claims fewer than it holds is taken by what it holds.
LinkPayload ParseLinkLayer(LinkType type, Bytes captured, uint32_t original_length);

}  // namespace conntrack::sensor
