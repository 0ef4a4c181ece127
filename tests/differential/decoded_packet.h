// The way of a packet in the real system: its bytes through the sensor's decoder
// into the columns of a batch, and from there as the server reads them.
//
// Not thread-safe.
#pragma once

#include <optional>

#include "client/sensor/batch.h"
#include "server/convert_packets.h"
#include "tests/testing/packet_builder.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {

class DecodedPackets {
 public:
  DecodedPackets() : builder_(1) {}

  // Nullopt for bytes that the sensor discards. The packet's quote lives until
  // the next call.
  std::optional<Packet> Make(const PacketSpec& spec, const Endpoints& endpoints, Time time);

 private:
  sensor::BatchBuilder builder_;
  PacketReader reader_;
};

// For a TrackerSubject.
PacketSource DecodedPacketSource();

}  // namespace conntrack
