// A zone: a table of its own within the tracker, with its clock, its settings,
// its limit and its counters.
//
// Thread-safe, except for `settings`: read under the lock of any slot, written
// under the locks of all. Counters are relaxed atomics: each is exact, but two
// of them may be read at slightly different moments.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "server/tracker/connection.h"
#include "server/tracker/events.h"
#include "server/tracker/settings.h"
#include "server/tracker/time.h"
#include "server/tracker/verdict.h"

namespace conntrack {

// Which clock the deadlines of a zone are measured on.
enum class ZoneClock : uint8_t {
  kServer,  // The caller's. Shared by all such zones.
  kPacket,  // The highest packet time seen in the zone: a clock of its own.
};

// Counts of packets, gathered for a batch before they reach the zone.
struct PacketCounts {
  std::array<uint64_t, kVerdictKinds> by_verdict = {};
  std::array<uint64_t, kInvalidReasons> by_reason = {};

  void Count(const Verdict& verdict) {
    ++by_verdict[static_cast<size_t>(verdict.kind)];
    if (verdict.kind == VerdictKind::kInvalid) ++by_reason[static_cast<size_t>(verdict.reason)];
  }
};

struct Zone;

// Events and moves between gauges of one zone, gathered under the lock of a slot:
// counting each where all threads count would wait until all that was written before
// has reached the memory.
class ZoneTally {
 public:
  void Count(Zone* zone, EventType type) {
    TurnTo(zone);
    ++events_[static_cast<size_t>(type) - static_cast<size_t>(EventType::kNew)];
  }
  // Connections that came to a gauge, or left it.
  void Move(Zone* zone, size_t gauge, int32_t connections) {
    TurnTo(zone);
    by_state_[gauge] += connections;
  }
  // Adds all to the zone. Whoever lets go of the lock does it before.
  void Flush();

 private:
  void TurnTo(Zone* zone) {
    if (zone == zone_) return;
    Flush();
    zone_ = zone;
  }

  // Null: nothing was counted since Flush.
  Zone* zone_ = nullptr;
  std::array<uint32_t, kEventTypes> events_ = {};
  std::array<int32_t, kConnectionGauges> by_state_ = {};
};

struct Zone {
  Zone(uint32_t zone_id, ZoneIndex zone_index, ZoneClock zone_clock,
       const ZoneSettings& zone_settings)
      : id(zone_id), index(zone_index), clock(zone_clock), settings(zone_settings) {}

  const uint32_t id;
  const ZoneIndex index;
  const ZoneClock clock;
  ZoneSettings settings;

  // What the clock of a kPacket zone says.
  std::atomic<Time> now{kNeverYet};

  // Connections open; never above the limit but for the instant of a refusal.
  std::atomic<uint64_t> connections{0};
  // Signed: a reader may see a decrement before its increment.
  std::array<std::atomic<int64_t>, kConnectionGauges> by_state = {};
  std::array<std::atomic<uint64_t>, kVerdictKinds> packets = {};
  std::array<std::atomic<uint64_t>, kInvalidReasons> invalid = {};
  // By EventType, from kNew.
  std::array<std::atomic<uint64_t>, kEventTypes> events = {};
  std::atomic<uint64_t> evicted{0};

  bool IsFull() const {
    return connections.load(std::memory_order_relaxed) >= settings.connections_max;
  }

  // Counts one connection more, unless that is above the limit.
  bool TakePlace() {
    if (connections.fetch_add(1, std::memory_order_relaxed) < settings.connections_max) return true;
    connections.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  void Add(const PacketCounts& counts) {
    for (size_t i = 0; i < kVerdictKinds; ++i) {
      if (counts.by_verdict[i] != 0) {
        packets[i].fetch_add(counts.by_verdict[i], std::memory_order_relaxed);
      }
    }
    for (size_t i = 0; i < kInvalidReasons; ++i) {
      if (counts.by_reason[i] != 0) {
        invalid[i].fetch_add(counts.by_reason[i], std::memory_order_relaxed);
      }
    }
  }

  // Moves a packet clock to `time` unless it is there already.
  void Advance(Time time) {
    Time seen = now.load(std::memory_order_relaxed);
    while (seen < time && !now.compare_exchange_weak(seen, time, std::memory_order_relaxed)) {
    }
  }
};

inline void ZoneTally::Flush() {
  if (zone_ == nullptr) return;
  for (size_t i = 0; i < kEventTypes; ++i) {
    if (events_[i] != 0) zone_->events[i].fetch_add(events_[i], std::memory_order_relaxed);
  }
  for (size_t i = 0; i < kConnectionGauges; ++i) {
    if (by_state_[i] != 0) zone_->by_state[i].fetch_add(by_state_[i], std::memory_order_relaxed);
  }
  *this = {};
}

}  // namespace conntrack
