// Tracker decides, for each packet, which connection it belongs to and what
// becomes of that connection. It is the whole of connection tracking; the rest
// of the server moves bytes to it and from it.
//
// Time is an argument. Tracker reads no clock, starts no thread and does no
// I/O, so the same packets at the same times always get the same verdicts, and
// each connection the same events.
//
// Thread-safe. Packets of one connection are tracked in the order of the calls.
//
// A packet of a known connection costs two hashes, its share of two short holds
// of a slot's lock for each batch, and no allocation.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/tracker/breakdown.h"
#include "server/tracker/connection.h"
#include "server/tracker/events.h"
#include "server/tracker/memory.h"
#include "server/tracker/mutex.h"
#include "server/tracker/packet.h"
#include "server/tracker/slot.h"
#include "server/tracker/turn.h"
#include "server/tracker/verdict.h"
#include "server/tracker/zone.h"

namespace conntrack {

struct TrackerOptions {
  // A power of two from 1 to 4,096; fixed for the life of a deployment.
  uint32_t slot_count = 256;
  // Fixed for the life of a deployment; every router must know it.
  uint64_t slot_hash_seed = 0;
  // Random for each process.
  uint64_t table_secret = 0;
  // When the process began, in microseconds since the Unix epoch: the epoch of
  // all slots and the start of their ids.
  uint64_t epoch = 1;
  // 1 to 65,535.
  uint32_t zones_max = 4096;
  // Memory for events that watchers may still read. A larger value lets a slow
  // watcher lag longer.
  uint64_t event_bytes_max = 256u << 20;
  // Settings of zones that nothing else is said about.
  ZoneSettings zone_settings;
  // What open connections are counted by; at most Breakdowns::kMax, of different names.
  std::vector<BreakdownOptions> breakdowns;

  // InvalidArgument, naming the field and the value.
  absl::Status Validate() const;
};

// What all packets of one call of Process share.
struct Batch {
  ZoneIndex zone = 0;
  // The server's clock; the time of all packets in a zone on that clock.
  Time server_now;
  // The sensor, as the caller numbers them.
  uint16_t sensor = 0;
};

// Where a scan stands; a default-constructed one is at the beginning.
struct ScanPosition {
  uint32_t slot = 0;
  uint32_t place = 0;

  friend bool operator==(const ScanPosition&, const ScanPosition&) = default;
};

// What a scan step saw of its slot.
struct ScanStep {
  // There is more.
  bool more = false;
  // The slot, and its last event when it was looked at.
  uint32_t slot = 0;
  uint64_t sequence = 0;
};

// What a slot can tell a watcher.
struct SlotEvents {
  // Lowest sequence that can still be read, and the latest one.
  uint64_t first_retained = 1;
  uint64_t last = 0;
  // From the sequence asked for, or from first_retained when that is higher.
  EventRange range;
};

// Where a slot stands.
struct SlotMark {
  uint64_t sequence = 0;
  uint64_t first_retained = 1;
  uint64_t next_id = 0;
};

class Tracker {
 public:
  // REQUIRES: options.Validate() is OK.
  explicit Tracker(const TrackerOptions& options);

  const TrackerOptions& options() const { return options_; }

  // The zone with this number, made when it does not exist; `settings` are for
  // the case that it is made. `clock` nullopt: the one it has, or kServer.
  // ResourceExhausted when there are zones_max already; FailedPrecondition
  // when it has another clock.
  absl::StatusOr<ZoneIndex> OpenZone(uint32_t id, std::optional<ZoneClock> clock,
                                     const ZoneSettings& settings);
  std::optional<ZoneIndex> FindZone(uint32_t id) const;
  // Zones are numbered from 0 in the order they were made and live for ever.
  ZoneIndex zone_count() const { return zone_count_.load(std::memory_order_acquire); }
  // REQUIRES: index < zone_count().
  const Zone& zone(ZoneIndex index) const { return *zones_[index]; }
  // Settings of a zone, and how to change them. InvalidArgument when they are
  // not valid. Replacing takes all slot locks.
  ZoneSettings GetZoneSettings(ZoneIndex index);
  absl::Status SetZoneSettings(ZoneIndex index, const ZoneSettings& settings);

  // Tracks `packets` in order and writes one verdict each. Always has an
  // answer: a packet that fits no connection is kInvalid with the reason; when
  // the zone is full and nothing may be evicted a new connection is refused as
  // kTableFull. Time of packet i on a packet clock: the highest time of the
  // zone and of packets 0 to i.
  //
  // With a turn, the packets come after those of the call before it, which may be
  // under way in another thread, and before those of the next; the turn is then over.
  //
  // REQUIRES: verdicts.size() == packets.size(); all packets of one family or
  // not does not matter.
  void Process(const Batch& batch, std::span<const Packet> packets, std::span<Verdict> verdicts,
               Turn* turn = nullptr);

  // Moves the clock of a zone on packet time; nothing for the others.
  void Advance(ZoneIndex zone, Time time) { zones_[zone]->Advance(time); }

  // Removes connections whose deadline has come, on the server's clock or their
  // zone's, at most `limit_per_slot` in each slot. Returns how many.
  size_t Expire(Time server_now, size_t limit_per_slot);

  // One connection; nullopt when there is none, or its deadline has come.
  std::optional<StoredConnection> Find(ZoneIndex zone, Family family, uint8_t protocol,
                                       const Address& source, const Address& destination,
                                       uint32_t ports, Time server_now);
  std::optional<StoredConnection> Find(const Key& key, Time server_now);
  // The connection that would be evicted for a new one of this key, were the zone
  // full; nullopt when the new one would be refused.
  std::optional<StoredConnection> FindVictim(const Key& key);
  // Visits the connections of many tuples, of either direction, under the locks of
  // their slots: some tuples at a time, slot by slot. Not those that have expired.
  // A tuple that is nullopt can have none.
  void Lookup(ZoneIndex zone, std::span<const std::optional<DirectedKey>> tuples, Time server_now,
              LookupVisit visit);
  // One connection by id: looks through the whole slot, a few places at a time.
  std::optional<StoredConnection> FindId(uint64_t id, Time server_now);

  // Visits connections from `*position` on, those of one slot at most, under its
  // lock, and moves `*position` behind them. A connection that exists during a
  // whole scan is visited exactly once.
  ScanStep Scan(ScanPosition* position, const ScanStepOptions& options, ScanVisit visit);

  // The same, but does what `request` asks with these connections, 64 at most,
  // and adds them to `counts`. Each that changes makes an event.
  ScanStep Apply(const ConnectionRequest& request, ScanPosition* position,
                 const ScanStepOptions& options, RequestCounts* counts);

  // Adds a connection to a zone as if it had been tracked there; see Slot::Restore.
  // Its zone and id are new.
  //
  // REQUIRES: the zone's clock is known.
  Restored Restore(const StoredConnection& stored, ZoneIndex zone, Time server_now);

  // Events of a slot from `sequence` on, as many as lie together.
  SlotEvents ReadEvents(uint32_t slot, uint64_t sequence);
  // The latest event of a slot, without its lock: may be a moment old.
  uint64_t LastSequence(uint32_t slot) const {
    return published_[slot].sequence.load(std::memory_order_acquire);
  }
  // Where a slot stands: every connection that exists now has an id below
  // `next_id`, and `sequence` was its last event.
  SlotMark Mark(uint32_t slot);

  // What the clock of a zone says.
  Time NowOf(ZoneIndex index, Time server_now) const {
    const Zone& zone = *zones_[index];
    return zone.clock == ZoneClock::kServer ? server_now : zone.now.load(std::memory_order_relaxed);
  }

  const Breakdowns& breakdowns() const { return breakdowns_; }

  // Counts over all zones.
  uint64_t connections() const;
  // Bytes of tables, expiry, and events. Takes each slot's lock for a moment.
  uint64_t table_bytes();
  uint64_t event_bytes() const { return event_budget_.bytes(); }

 private:
  struct Scratch;
  // The packets of one slot: `count` places from `begin` on.
  struct Group {
    uint32_t slot;
    uint32_t begin;
    uint32_t count;
  };
  struct alignas(64) Published {
    std::atomic<uint64_t> sequence{0};
  };

  // One step of a scan, in which `work` does what it does with the slot: true
  // when the slot has more.
  template <typename Work>
  ScanStep Step(ScanPosition* position, const ScanStepOptions& options, Work work);
  Classifier ClassifierOf(const Zone& zone) const {
    return Classifier(options_.slot_hash_seed, options_.slot_count, options_.table_secret, zone);
  }
  // Counts the packets that need no slot.
  void CountDecided(const Arrivals& batch, PacketCounts* counts);
  // Takes the next groups, of some packets together, from the front of `groups`.
  static std::span<const Group> TakeBundle(std::span<const Group>* groups);
  // Tracks the others slot by slot, each slot when the turn before is over there; the
  // last packets of a call leave the slots to the turn behind.
  void TrackChunk(const Arrivals& batch, const Scratch& scratch, bool is_last, Turn* turn,
                  PacketCounts* counts);
  void Publish(uint32_t number, Slot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(slot.mutex()) {
    std::atomic<uint64_t>& published = published_[number].sequence;
    const uint64_t last = slot.events().last_sequence();
    // Only then, so that a line that others read stays with them.
    if (published.load(std::memory_order_relaxed) != last) {
      published.store(last, std::memory_order_release);
    }
  }

  const TrackerOptions options_;
  Memory memory_;
  EventBudget event_budget_;
  Breakdowns breakdowns_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unique_ptr<Published[]> published_;

  // Guards the making of zones; reading one that exists needs no lock.
  mutable Mutex zones_mutex_;
  std::unique_ptr<std::unique_ptr<Zone>[]> zones_;
  std::atomic<ZoneIndex> zone_count_{0};
  absl::flat_hash_map<uint32_t, ZoneIndex> zone_index_ ABSL_GUARDED_BY(zones_mutex_);
};

}  // namespace conntrack
