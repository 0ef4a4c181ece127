// Events as bytes of v1.Event, and the messages of a watch that carry many of
// them, or of connections: what the generated classes would give, several times
// faster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/convert_connection.h"
#include "server/slice_writer.h"
#include "server/tracker/events.h"
#include "server/wire_writer.h"

namespace conntrack {

// Room for one event: no field is longer than its type allows.
inline constexpr size_t kEventRoom = kConnectionRoom + 128;

// How a watcher is shown an event: as what it is, or as the connection's leaving
// of what its filter selects.
enum class Shown : uint8_t { kAsItIs, kAsLeft, kNot };

// Writes the fields of v1.Event. REQUIRES: kEventRoom bytes of room. Thread-safe.
void WriteEvent(const Event& event, uint32_t slot, Shown shown, const WireContext& context,
                WireWriter* out);

// Room for one event with its head.
inline constexpr size_t kEventRowRoom = kEventRoom + 3;

// Writes one event as an element of field `field`, behind what `rows` has.
void AddEvent(int field, const Event& event, uint32_t slot, Shown shown, const WireContext& context,
              SliceWriter* rows);

// Sequences of a slot, both included.
struct SlotRange {
  uint32_t slot = 0;
  uint64_t first = 0;
  uint64_t last = 0;
};

// A WatchResponse as bytes, with what it says.
struct WatchMessage {
  grpc::ByteBuffer bytes;
  size_t size = 0;
  // Covered by the message: the events of the ranges that are shown, or, when
  // they are lost, all of them.
  std::vector<SlotRange> ranges;
  uint64_t events = 0;
  uint64_t lost = 0;
};

// Collects the events of one message. Not thread-safe.
class EventBatchWriter {
 public:
  EventBatchWriter(const WireContext& context, uint64_t epoch) : context_(context), epoch_(epoch) {}

  // REQUIRES: shown is not kNot.
  void Add(const Event& event, uint32_t slot, Shown shown);
  // At most once a slot.
  void Cover(const SlotRange& range) { ranges_.push_back(range); }

  size_t bytes() const { return rows_.size(); }
  bool empty() const { return ranges_.empty(); }
  // The message; begins anew.
  WatchMessage Take();

 private:
  const WireContext context_;
  const uint64_t epoch_;
  SliceWriter rows_;
  std::vector<SlotRange> ranges_;
  uint64_t events_ = 0;
};

// The message that says that all of `ranges` was lost.
WatchMessage MakeLoss(std::vector<SlotRange> ranges, uint64_t epoch);

// Collects the rows of one part of a snapshot. Not thread-safe.
class SnapshotBatchWriter {
 public:
  explicit SnapshotBatchWriter(const WireContext& context) : context_(context) {}

  void Add(const ConnectionRef& connection, Time now);
  bool empty() const { return rows_.size() == 0; }
  // The message, without ranges; begins anew.
  grpc::ByteBuffer Take();

 private:
  const WireContext context_;
  SliceWriter rows_;
};

}  // namespace conntrack
