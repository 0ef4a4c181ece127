// The tracker of this project under test: takes one packet at a time and tells
// all that can be seen of it then, in the form a kernel is asked for.
//
// Not thread-safe. A call costs one Process, one Find, and the new events.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "server/tracker/settings.h"
#include "server/tracker/time.h"
#include "server/tracker/tracker.h"
#include "tests/testing/observation.h"
#include "tests/testing/packet_builder.h"
#include "tests/testing/tracker_packet.h"

namespace conntrack {

// Makes of a description what the tracker is told. Nullopt when it would not be
// told of such a packet at all. What it points to may be written to the last
// argument.
using PacketSource =
    std::function<std::optional<Packet>(const PacketSpec&, const Endpoints&, Time, PacketParts*)>;

class TrackerSubject {
 public:
  // One slot, one zone on the server's clock. Packets are made by
  // TrackerPacketOf, without bytes, unless there is another `source`.
  explicit TrackerSubject(const ZoneSettings& settings, PacketSource source = nullptr);

  // Tracks the packet at `now`. The observation holds all events since the
  // last call, those of other connections too.
  Observation Send(const PacketSpec& spec, const Endpoints& endpoints, Time now);

  // Tracks `packet`, when there is one, and looks at the connection of `tuple`.
  Observation Track(const Packet* packet, const std::optional<SeenTuple>& tuple, Time now);

  // When the connection of this packet began; nullopt when there is none.
  std::optional<Time> CreatedAt(const SeenTuple& tuple, Time now) const;

  // Expires what is due, as the server does between packets, and looks at a
  // connection. The observation has no verdict.
  Observation Look(const SeenTuple& tuple, Family family, Time now);

  const Zone& zone() const { return tracker_->zone(0); }

 private:
  void TakeEvents(Observation* observation);
  void FindConnection(const SeenTuple& tuple, Family family, Time now, Observation* observation);

  const PacketSource source_;
  std::unique_ptr<Tracker> tracker_;
  uint64_t next_event_ = 1;
};

}  // namespace conntrack
