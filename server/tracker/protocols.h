// All protocols behind one face: which rules a packet meets, by its protocol
// number. Pure functions over the protocol's part of a record.
#pragma once

#include "server/tracker/connection.h"
#include "server/tracker/packet.h"
#include "server/tracker/protocol.h"
#include "server/tracker/settings.h"

namespace conntrack {

// kNone, or why a packet is INVALID whatever its connection.
InvalidReason CheckHeader(const Packet& packet);

// Makes the protocol's part of `record` the connection that this first packet
// begins; record->protocol is the packet's. kAccept with the timeout, or
// kInvalid; then that part is unspecified.
ProtocolResult BeginProtocol(const Packet& packet, Time now, const ZoneSettings& settings,
                             Record* record);

// Moves the connection on by one packet that CheckHeader let through.
ProtocolResult UpdateProtocol(const Packet& packet, Direction direction, Time now,
                              const ZoneSettings& settings, Record* record);

// True in states above 95 % of the limit that even an assured connection may be
// evicted from: it is closing.
bool IsClosing(const Record& record);

}  // namespace conntrack
