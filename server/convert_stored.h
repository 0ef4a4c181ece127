// A connection as a caller describes it, to be restored: v1.Connection to
// StoredConnection.
//
// Pure functions; thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "conntrack/v1/types.pb.h"
#include "server/sensors.h"
#include "server/tracker/connection.h"

namespace conntrack {

// The sensor of connections that none reported: no sensor has this index.
inline constexpr uint16_t kNoSensor = UINT16_MAX;

// What Tracker::Restore takes. `now` is what the clock of the zone says: the
// remaining timeout counts from it. Id, slot and zone are not read.
// InvalidArgument, naming the field and the value, for a connection that cannot be;
// OutOfRange for one that has no time left.
absl::StatusOr<StoredConnection> FromWire(const v1::Connection& connection, Time now,
                                          const SensorRegistry& sensors);

// A connection as a server told of it, at the moment when it did.
struct ToldConnection {
  StoredConnection connection;
  // The clock of its zone.
  Time now;
};

// The same connection that the server wrote: id, zone and status are read too, and no time
// may be left. InvalidArgument, naming the field and the value, for one that cannot be.
absl::StatusOr<ToldConnection> ToldFromWire(const v1::Connection& connection,
                                            const SensorRegistry& sensors);

}  // namespace conntrack
