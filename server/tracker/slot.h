// A slot: the connections of one 256th of all address pairs, with their expiry
// and their events, under one lock. Slots share nothing but the counters of
// zones and the event budget.
//
// Lock order: a thread holds the lock of one slot at a time, except for
// Tracker::UpdateZone, which takes all of them in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "server/tracker/arrival.h"
#include "server/tracker/breakdown.h"
#include "server/tracker/events.h"
#include "server/tracker/expiry.h"
#include "server/tracker/filter.h"
#include "server/tracker/lookup.h"
#include "server/tracker/mutex.h"
#include "server/tracker/request.h"
#include "server/tracker/table.h"
#include "server/tracker/zone.h"

namespace conntrack {

// The zone of an index; never null for an index in a record.
using ZoneOf = std::function<Zone&(ZoneIndex)>;

// One step of a scan: what bounds the time for which it holds the slot's lock.
struct ScanStepOptions {
  // The server's clock: what has expired by it is not visited.
  Time server_now;
  // Which connections. Null: all. Must outlive the step.
  const Filter* filter = nullptr;
  // How many places to look at. 64 or more cost less each, for they are looked at
  // together.
  size_t places_max = 256;
  // How many connections to visit.
  size_t visits_max = SIZE_MAX;
  // Visits also what has expired, but has not ended yet: a packet or a request that read
  // the clock a moment ago may still let it live on.
  bool expired_too = false;
};
// Takes a connection and what its zone's clock says.
using ScanVisit = absl::FunctionRef<void(const ConnectionRef&, Time now)>;

class Slot {
 public:
  struct Options {
    uint32_t number = 0;
    uint32_t slot_count = 1;
    // Start of the id counter: microseconds since the Unix epoch.
    uint64_t first_id = 1;
    // Null: none. Must outlive the slot.
    Breakdowns* breakdowns = nullptr;
  };

  // `memory` and `budget` must outlive the slot.
  Slot(const Options& options, ZoneOf zone_of, Memory* memory, EventBudget* budget);
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // Three steps for the packets whose places in `batch` are `places`, in this
  // order. The first two start to load what the next reads; the first needs no
  // lock.
  void PrefetchBuckets(std::span<const uint16_t> places, const Arrivals& batch) const;
  void PrefetchRecords(std::span<const uint16_t> places, const Arrivals& batch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tracks the packets and counts their verdicts. Before each, what is due on
  // the zone's clock expires.
  void Track(std::span<const uint16_t> places, const Arrivals& batch, PacketCounts* counts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Expires what is due: on the server's clock by `server_now`, on packet clocks
  // by their own. At most `limit` connections; returns how many.
  size_t Expire(Time server_now, size_t limit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The connection with this key.
  std::optional<StoredConnection> Find(const Key& key, uint64_t hash, Time server_now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The connection that would make room for a new one with this hash, were the zone
  // full; Table::kNone when none would.
  RecordHandle FindVictim(Family family, uint64_t hash, ZoneIndex zone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StoredConnection Copy(RecordHandle handle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return TableOf(handle).Copy(IndexOf(handle));
  }

  // Visits the connection of each of these tuples that has one. PrefetchBuckets,
  // some time before, starts to load what it reads first.
  void PrefetchBuckets(std::span<const TupleLookup> lookups) const;
  void Lookup(std::span<const TupleLookup> lookups, Time server_now, LookupVisit visit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Visits connections from `*position` on, as far as `scan` says, and moves
  // `*position` behind them; 0 is the first. False at the end. A connection keeps
  // its place for life.
  bool Scan(uint32_t* position, const ScanStepOptions& scan, ScanVisit visit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Does what `request` asks with the connections that Scan would visit, 64 at
  // most, and counts them. Each that changes makes an event.
  bool Apply(const ConnectionRequest& request, uint32_t* position, ScanStepOptions scan,
             RequestCounts* counts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Adds a connection as if it had been tracked: state, status, counters, deadline,
  // creation, sensor, mark and labels as in `stored`, under a new id. Makes a NEW
  // event. What is due by `now`, the zone's clock, expires before; what is restored
  // too late expires next.
  Restored Restore(const StoredConnection& stored, const Key& key, uint64_t hash, Zone* zone,
                   Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const EventLog& events() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return events_; }
  // The id that the next new connection will exceed or equal.
  uint64_t next_id() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return next_id_; }
  size_t size() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ipv4_.size() + ipv6_.size(); }
  size_t memory_bytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

 private:
  // The expiry's view of this slot's records.
  class ExpiryRecords : public Expiry::Records {
   public:
    explicit ExpiryRecords(Slot* slot) : slot_(slot) {}
    Arming* Armed(RecordHandle handle) override;
    Time Deadline(RecordHandle handle) const override;
    void LoadFirst(RecordHandle handle) const override;
    void LoadNext(RecordHandle handle) const override;

   private:
    Slot* const slot_;
  };

  struct Change {
    EventType type;
    EventCause cause;
    uint8_t changes = 0;
    Time time;
    Time now;
    const Packet* packet = nullptr;
  };

  // One packet, and what it needs of its batch.
  struct Visit {
    const Packet& packet;
    const Arrival& arrival;
    // The zone's clock.
    Time now;
    Zone* zone;
    uint16_t sensor;
    // The packet's, and the table of that family.
    Family family;
    Table* table;
    // The zone's.
    Expiry* expiry;

    const ZoneSettings& settings() const { return zone->settings; }
  };

  static constexpr uint32_t kIpv6Handle = 1u << 31;
  static uint32_t IndexOf(RecordHandle handle) { return handle & ~kIpv6Handle; }
  static RecordHandle HandleOf(Family family, uint32_t index) {
    return family == Family::kIpv6 ? index | kIpv6Handle : index;
  }

  Table& TableOf(Family family) { return family == Family::kIpv4 ? ipv4_ : ipv6_; }
  const Table& TableOf(Family family) const { return family == Family::kIpv4 ? ipv4_ : ipv6_; }
  Table& TableOf(RecordHandle handle) { return (handle & kIpv6Handle) != 0 ? ipv6_ : ipv4_; }
  Record& RecordOf(RecordHandle handle) { return TableOf(handle).record(IndexOf(handle)); }
  Expiry& ExpiryOf(const Zone& zone);
  Time NowOf(const Record& record, Time server_now);

  void ExpireDue(Expiry* expiry, Time now, size_t limit, size_t* expired)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // ExpireDue, and throws out stale entries when there are many.
  void ExpireAndTidy(Expiry* expiry, Time now, size_t limit, size_t* expired)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tracks what most packets are: a plain ACK of an assured connection, or UDP that
  // changes no status. False, and nothing changed, for all others.
  bool TrackPlain(const Packet& packet, const Arrival& arrival, Time now, const Arrivals& batch,
                  Table* table, Expiry* expiry, Verdict* verdict)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Every other, once what is due has expired.
  Verdict TrackAny(const Visit& visit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Verdict TrackPacket(const Visit& visit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Verdict TrackError(const Visit& visit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Verdict Create(const Visit& visit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t NewId() { return next_id_++ * options_.slot_count + options_.number; }
  // Counts a new connection in all gauges; Remove takes it out.
  void CountBegun(RecordHandle handle, Zone* zone);
  // Takes a place in the zone's limit, by eviction if need be.
  bool TakePlace(const Visit& visit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves a connection on by one packet. `*reopen`: it is gone, and the packet
  // begins another.
  Verdict Update(RecordHandle handle, Direction direction, const Visit& visit, bool* reopen)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetDeadline(RecordHandle handle, Record* record, Duration timeout, Time now, Expiry* expiry);
  // The connection expires at `now` + `left`, but was not seen any later.
  void SetTimeLeft(RecordHandle handle, Record* record, Duration left, Time now, Expiry* expiry);
  // Counts a connection that was counted in the gauge `from` where it is now.
  void MoveGauge(Zone* zone, size_t from, const Record& record);
  // What an update would change, as bits of Event::changes.
  static uint8_t ChangesBy(const ConnectionRequest& request, const ConnectionRef& connection,
                           Time now);
  // Changes these, some of which there are.
  void ChangeBy(RecordHandle handle, const ConnectionRequest& request, uint8_t changes, Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Destroy(RecordHandle handle, const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Destroy, but the connection's place in the zone's limit stays taken.
  void Remove(RecordHandle handle, const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Emit(RecordHandle handle, const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const ZoneOf zone_of_;
  Mutex mutex_;
  uint64_t next_id_;
  Table ipv4_;
  Table ipv6_;
  EventLog events_;
  // Flushed at the end of each call that counts.
  ZoneTally tally_;
  ExpiryRecords expiry_records_;
  Expiry server_expiry_;
  // One for each packet clock that has connections here.
  absl::flat_hash_map<ZoneIndex, std::unique_ptr<Expiry>> packet_expiry_;
};

}  // namespace conntrack
