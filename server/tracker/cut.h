// SlotCut reads one consistent cut of a slot: the connections that it had at one
// sequence, though it is read step by step while packets go on.
//
// What a step reads contains the events of the slot so far, so those are handed
// out before it; connections that began after the cut's start come as events
// only. So the last step's sequence is the cut's: whoever keeps what is put, by id
// and in order, and drops what is removed, has the connections as they were then.
// Their counters and deadlines may be older or newer, for these change without
// events.
//
// Not thread-safe. A step hands out 64 events and 64 connections at most, however
// long ago the last one was; it holds the slot's lock for some ten microseconds,
// and so many connections in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/tracker/filter.h"
#include "server/tracker/tracker.h"

namespace conntrack {

class SlotCut {
 public:
  // Of the connections that match. `tracker` and `filter` must outlive this.
  SlotCut(Tracker* tracker, uint32_t slot, const Filter* filter);

  // Takes a connection, the new state of one that was put before or another one,
  // and what the clock of its zone said.
  using Put = absl::FunctionRef<void(const ConnectionRef&, Time now)>;
  // Takes the id of a connection that is gone, or does not match any more; it may
  // never have been put.
  using Remove = absl::FunctionRef<void(uint64_t id)>;

  enum class State {
    kMore,
    kWhole,  // The cut is complete.
    // Events were given up before they were read: only a new cut helps.
    kLost,
  };
  // Reads on. REQUIRES: it returned kMore so far.
  State Next(Time server_now, size_t places_max, Put put, Remove remove);

  uint32_t slot() const { return slot_; }
  // The sequence of the cut. REQUIRES: Next returned kWhole.
  uint64_t sequence() const { return next_ - 1; }

 private:
  struct Row {
    StoredConnection connection;
    Time now;
  };

  // Reads some connections of the slot into rows_.
  void Scan(Time server_now, size_t places_max);
  // Hands out the next events; false when they are lost.
  bool ReadEvents(Put put, Remove remove);

  Tracker* const tracker_;
  const uint32_t slot_;
  const Filter* const filter_;
  // The id below which connections existed at the start.
  uint64_t id_limit_ = 0;
  // The next event to read.
  uint64_t next_ = 0;
  ScanPosition position_;
  // Connections that were read, when the slot's last event was `rows_sequence_`:
  // handed out when the events so far are.
  bool has_rows_ = false;
  std::vector<Row> rows_;
  uint64_t rows_sequence_ = 0;
};

}  // namespace conntrack
