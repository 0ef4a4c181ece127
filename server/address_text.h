// Addresses as text: "192.0.2.1", or the RFC 5952 form "2001:db8::1".
//
// Pure functions; thread-safe. A few nanoseconds for IPv4, some 20 for IPv6.
#pragma once

#include <cstddef>
#include <string>

#include "server/tracker/packet.h"

namespace conntrack {

// Room that WriteAddress needs. The longest text has 45 bytes; some behind the
// text may be written too.
inline constexpr size_t kAddressRoom = 48;

// Writes the text to `to` and returns its end.
char* WriteAddress(Family family, const Address& address, char* to);

std::string FormatAddress(Family family, const Address& address);

}  // namespace conntrack
