// The sensor's books: what became of every packet the capture saw.
//
//   read = decoded + discarded{reason} + absorbed fragments + held fragments
//   decoded = sent + open (in the batch being filled)
//   sent = acknowledged + rejected + dropped + pending
//
// Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "client/sensor/packet.h"
#include "conntrack/ingest.h"
#include "conntrack/v1/ingest_service.pb.h"

namespace conntrack::sensor {

struct Ledger {
  uint64_t read_packets = 0;
  uint64_t read_bytes = 0;  // On the wire, link-layer headers included.
  uint64_t decoded_packets = 0;
  uint64_t decoded_bytes = 0;        // From the IP header on.
  uint64_t malformed_packets = 0;    // Of the decoded: sent, and INVALID for the server.
  uint64_t reassembled_packets = 0;  // Of the decoded.
  std::array<uint64_t, kDiscardReasons> discarded{};
  // Fragments beyond the first of each reassembled datagram.
  uint64_t absorbed_fragments = 0;
  uint64_t held_fragments = 0;
  // Decoded but not yet in a batch that was given to Send.
  uint64_t open_packets = 0;
  // Dropped by the kernel or the card before the sensor could read them; not in
  // read_packets.
  uint64_t kernel_dropped_packets = 0;

  uint64_t DiscardedPackets() const;

  // The part of the ledger the server cannot know.
  v1::SensorCounts ToSensorCounts(const client::IngestCounts& sent) const;

  // Empty when the three equations hold; else the first that does not, with
  // its numbers.
  std::string Check(const client::IngestCounts& sent) const;
};

}  // namespace conntrack::sensor
