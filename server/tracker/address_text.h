// Addresses as text: "192.0.2.1", or the RFC 5952 form "2001:db8::1".
//
// Pure functions; thread-safe. A few nanoseconds for IPv4, some 20 for IPv6.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "server/tracker/packet.h"

namespace conntrack {

// Room that WriteAddress needs. The longest text has 45 bytes; some behind the
// text may be written too.
inline constexpr size_t kAddressRoom = 48;

// Writes the text to `to` and returns its end.
char* WriteAddress(Family family, const Address& address, char* to);

std::string FormatAddress(Family family, const Address& address);

// Nullopt when the text is not one address: no leading zeros, no zone index.
std::optional<std::pair<Family, Address>> ReadAddress(const std::string& text);

// The first `length` bits of an address of `family`; all when it has no more.
Address PrefixMask(Family family, uint64_t length);

}  // namespace conntrack
