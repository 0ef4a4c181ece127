// A packet on its way to its slot: all that is found out about it without a lock.
#pragma once

#include <cstdint>
#include <span>

#include "server/tracker/packet.h"
#include "server/tracker/time.h"
#include "server/tracker/tuple.h"
#include "server/tracker/verdict.h"
#include "server/tracker/zone.h"

namespace conntrack {

// Two in a cache line, which are visited in any order.
struct alignas(32) Arrival {
  // Instead of a slot: the verdict does not depend on a connection.
  static constexpr uint16_t kDecided = UINT16_MAX;

  // Of the packet's key, or of the quote's in an ICMP error.
  KeyWords words;
  uint32_t hash = 0;
  // Where the record may be; Slot::PrefetchRecords sets it.
  uint32_t candidate = 0;
  uint16_t slot = kDecided;
  bool from_first = false;
  bool symmetric = false;
  bool is_error = false;

  // The ends of the key.
  AddressPair Ends(const Packet& packet) const {
    const Address& source = is_error ? packet.quote->source : packet.source;
    const Address& destination = is_error ? packet.quote->destination : packet.destination;
    if (from_first) return {source, destination};
    return {destination, source};
  }
};
static_assert(sizeof(Arrival) == 32);

class SlotHashInput;

// Finds words, hash, slot and direction of packets.
class Classifier {
 public:
  Classifier(uint64_t slot_hash_seed, uint32_t slot_count, uint64_t table_secret, const Zone& zone)
      : slot_hash_seed_(slot_hash_seed),
        table_secret_(table_secret),
        slot_mask_(slot_count - 1),
        zone_id_(zone.id),
        zone_(zone.index) {}

  // What Classify did.
  struct Run {
    // The packets classified: all from the first on that are of one family.
    size_t count = 0;
    // Those whose verdicts are set already.
    size_t decided = 0;
  };

  // Sets `arrivals`, or verdicts; the spans are parallel and not empty.
  Run Classify(std::span<const Packet> packets, std::span<Arrival> arrivals,
               std::span<Verdict> verdicts) const;

  uint16_t SlotOf(const Key& key) const;
  uint64_t HashOf(const Key& key) const;

 private:
  template <Family kFamily>
  Run ClassifyFamily(std::span<const Packet> packets, std::span<Arrival> arrivals,
                     std::span<Verdict> verdicts) const;
  // TCP, UDP and others whose connections are told apart by ports.
  template <Family kFamily>
  void ClassifyPorts(const Packet& packet, Arrival* arrival, SlotHashInput* input) const;
  // Everything else. False when the packet is decided.
  bool ClassifyOther(const Packet& packet, Arrival* arrival, SlotHashInput* input,
                     Verdict* verdict) const;
  // Finds slot and hash of packets whose words are known.
  template <Family kFamily>
  void Hash(std::span<const Packet> packets, std::span<const SlotHashInput> inputs,
            std::span<Arrival> arrivals) const;

  const uint64_t slot_hash_seed_;
  const uint64_t table_secret_;
  const uint32_t slot_mask_;
  const uint32_t zone_id_;
  const ZoneIndex zone_;
};

// What packets that are tracked together share. The spans are parallel.
struct Arrivals {
  Family family;
  Zone* zone;
  uint16_t sensor;
  // The server's clock.
  Time server_now;
  // Of a zone on packet time: its clock for each packet. Empty for others.
  std::span<const Time> packet_now;
  std::span<const Packet> packets;
  std::span<Arrival> arrivals;
  std::span<Verdict> verdicts;

  // The zone's clock for a packet.
  Time NowOf(size_t place) const { return packet_now.empty() ? server_now : packet_now[place]; }
};

}  // namespace conntrack
