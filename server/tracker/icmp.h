// ICMP and ICMPv6: which types are queries, errors, or none of the tracker's
// business (RFC 792, RFC 4443, RFC 4861, RFC 3810). Pure functions.
#pragma once

#include "server/tracker/packet.h"
#include "server/tracker/verdict.h"

namespace conntrack {

enum class IcmpKind : uint8_t {
  kNotIcmp,    // Another protocol.
  kQuery,      // Asks.
  kAnswer,     // Answers.
  kError,      // Quotes the packet it is about.
  kUntracked,  // Neighbour and multicast listener discovery.
  kInvalid,    // No such type, one that is neither, or ICMP of the other family.
};

IcmpKind KindOfIcmp(const Packet& packet);

// kNone, or why this error is INVALID before its quote is looked at.
InvalidReason CheckIcmpError(const Packet& packet);

}  // namespace conntrack
