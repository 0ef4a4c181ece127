// What a packet would do, and why, changing nothing.
//
// Exact by construction: a tracker of its own, with the zone's settings and clock
// and copies of the connections that the packet can meet, tracks it. What the copy
// leaves out is the rest of the zone: whether there is room for a new connection is
// asked of the zone itself, as of now.
//
// Thread-safe. Costs a small tracker: some hundred microseconds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/tracker/events.h"
#include "server/tracker/tracker.h"

namespace conntrack {

struct Explanation {
  Verdict verdict;
  // Why, in a sentence.
  std::string text;
  // The connection that the packet meets (for an ICMP error: that of the packet it
  // quotes), as it is, and as it would be. `after` is nullopt when it would end, or
  // when there is none. The id of a new connection is 0.
  std::optional<StoredConnection> before;
  std::optional<StoredConnection> after;
  // What would be told, without sequences.
  std::vector<Event> events;
};

// `now` is the server's clock.
//
// REQUIRES: zone < tracker->zone_count().
Explanation ExplainPacket(Tracker* tracker, ZoneIndex zone, const Packet& packet, Time server_now);

}  // namespace conntrack
