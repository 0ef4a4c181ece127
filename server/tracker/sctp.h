// SCTP as Netfilter tracks it: one state for the association, a verification tag
// for each direction, and the rules for restarts, collisions and heartbeats of
// another path.
//
// Pure functions over plain data: no table, no clock. The state machine is
// RFC 9260's seen from the path. An association is not picked up mid-stream:
// its tags would not be known.
#pragma once

#include <span>

#include "server/tracker/connection.h"
#include "server/tracker/packet.h"
#include "server/tracker/protocol.h"
#include "server/tracker/settings.h"

namespace conntrack {

// kNone, or why these chunks make a packet INVALID whatever the association:
// there is none, or some that may not stand together.
InvalidReason CheckSctpChunks(std::span<const SctpChunk> chunks);

// Makes `sctp` the association that this first packet begins. kNone, or why it
// cannot begin one; then `sctp` is unspecified. UpdateSctp must follow, with the
// same packet.
InvalidReason BeginSctp(const Packet& packet, SctpConnection* sctp);

// Moves the association on by one packet whose chunks were checked. Chunks
// before one that is INVALID have their effect, `assured` among them, though it
// is told only with the next packet that is not.
ProtocolResult UpdateSctp(const Packet& packet, Direction direction, bool assured,
                          const SctpSettings& settings, SctpConnection* sctp);

}  // namespace conntrack
