// The way of a packet in the real system: its bytes through the sensor's decoder
// and its reassembly into the columns of a batch, and from there as the server
// reads them.
//
// Not thread-safe.
#pragma once

#include <optional>

#include "client/sensor/batch.h"
#include "client/sensor/decode.h"
#include "client/sensor/fragments.h"
#include "server/convert_packets.h"
#include "tests/testing/packet_builder.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {

class DecodedPackets {
 public:
  DecodedPackets() : builder_(1) {}

  // The packet that a frame is or completes; it lives until the next call. Null
  // for what the sensor discards, and for a fragment that waits for others.
  const Packet* Take(const sensor::Frame& frame);

  // Nullopt for bytes that the sensor discards. The packet's quote lives until
  // the next call.
  std::optional<Packet> Make(const PacketSpec& spec, const Endpoints& endpoints, Time time);

  // Fragments dropped, by reason.
  const sensor::Reassembler::DropCounts& dropped_fragments() const { return reassembler_.drops(); }
  // Fragments that still wait.
  uint64_t held_fragments() const { return reassembler_.held_fragments(); }

 private:
  sensor::Decoded decoded_;
  sensor::Reassembler reassembler_;
  sensor::BatchBuilder builder_;
  PacketReader reader_;
};

// For a TrackerSubject.
PacketSource DecodedPacketSource();

}  // namespace conntrack
