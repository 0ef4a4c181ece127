// Connections as bytes of v1.Connection, for the answers that carry many of them:
// what ToWire and the generated class would give, several times faster.
//
// Thread-safe. No allocation but for the blocks of `rows`.
#pragma once

#include <cstddef>

#include "server/convert.h"
#include "server/slice_writer.h"
#include "server/wire_writer.h"

namespace conntrack {

// Room for one connection: no field is longer than its type allows.
inline constexpr size_t kConnectionRoom = 936;
// The same with its head.
inline constexpr size_t kConnectionRowRoom = kConnectionRoom + 3;

// Writes the fields of v1.Connection that `context` names. `now` is the clock of its zone, which
// the remaining timeout is counted from.
//
// REQUIRES: kConnectionRoom bytes of room.
void WriteConnection(const ConnectionRef& connection, Time now, const WireContext& context,
                     WireWriter* out);

// Writes one connection as an element of field `field`, behind what `rows` has.
void AddConnection(int field, const ConnectionRef& connection, Time now, const WireContext& context,
                   SliceWriter* rows);

// Writes a google.protobuf.Timestamp or Duration as field `field`.
void WriteTime(int field, Time time, WireWriter* out);
void WriteDuration(int field, Duration duration, WireWriter* out);

}  // namespace conntrack
