// Events: every change of a connection, numbered densely within its slot, kept
// for watchers within one byte budget of the whole process.
//
// An EventLog is a list of segments. Written events never change and segments
// never move, so a reader takes a reference to a segment under the slot's lock
// and reads the events after letting go of it. When the budget is spent, a log
// that needs a segment first gives up its own oldest ones: a reader that is
// still behind sees where the retained range begins, and knows what it lost.
// A segment that a reader still holds is counted until it lets go.
//
// EventLog is not thread-safe: it is owned by a slot and guarded by its lock.
// EventBudget is thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <new>
#include <type_traits>

#include "server/tracker/connection.h"
#include "server/tracker/time.h"

namespace conntrack {

enum class EventType : uint8_t { kNew = 1, kUpdate = 2, kDestroy = 3 };
inline constexpr size_t kEventTypes = 3;

// The numbers are those of v1.EventCause.
enum class EventCause : uint8_t {
  kPacket = 1,
  kTimeout = 2,
  kEvicted = 3,
  kRequest = 4,
  kReplaced = 5,
};

// Bits of Event::changes.
namespace change {
inline constexpr uint8_t kReply = 1;
inline constexpr uint8_t kAssured = 2;
inline constexpr uint8_t kState = 4;
inline constexpr uint8_t kMark = 8;
inline constexpr uint8_t kLabels = 16;
inline constexpr uint8_t kTimeout = 32;
}  // namespace change

struct Event {
  // Place in the slot, from 1, dense. Stored with the event so that position
  // and content can be compared.
  uint64_t sequence = 0;
  // The packet's own time, or the exact time of expiry.
  Time time;
  // The clock of the zone then: what deadlines are measured against.
  Time now;
  EventType type = EventType::kNew;
  EventCause cause = EventCause::kPacket;
  uint8_t changes = 0;
  bool has_tcp_flags = false;
  uint8_t tcp_flags = 0;
  // The connection after the change.
  StoredConnection connection;
};

class EventBudget {
 public:
  explicit EventBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  bool exhausted() const { return bytes_.load(std::memory_order_relaxed) >= bytes_max_; }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  void Add(uint64_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void Remove(uint64_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> bytes_{0};
};

// Up to 64 events in a row.
class EventSegment {
 public:
  static constexpr size_t kEvents = 64;

  EventSegment(uint64_t first_sequence, EventBudget* budget)
      : first_sequence_(first_sequence), budget_(budget) {
    budget_->Add(sizeof(EventSegment));
  }
  ~EventSegment() { budget_->Remove(sizeof(EventSegment)); }
  EventSegment(const EventSegment&) = delete;
  EventSegment& operator=(const EventSegment&) = delete;

  uint64_t first_sequence() const { return first_sequence_; }

 private:
  friend class EventLog;
  friend struct EventRange;

  const uint64_t first_sequence_;
  EventBudget* const budget_;
  // Those that were not appended yet are left as the memory was: clearing them
  // would cost as much as writing them.
  union {
    std::array<Event, kEvents> events_;
  };
};
static_assert(std::is_trivially_destructible_v<Event>);

// Events `first` to `first + count - 1` of a slot, alive as long as this is.
struct EventRange {
  std::shared_ptr<const EventSegment> segment;
  uint64_t first = 0;
  size_t count = 0;

  const Event& operator[](size_t i) const {
    return segment->events_[first - segment->first_sequence() + i];
  }
};

class EventLog {
 public:
  explicit EventLog(EventBudget* budget) : budget_(budget) {}

  // The sequence of the latest event; 0 when there was none.
  uint64_t last_sequence() const { return next_sequence_ - 1; }
  // The lowest sequence that Read can still return. One above last_sequence()
  // when nothing is retained.
  uint64_t first_retained() const {
    return segments_.empty() ? next_sequence_ : segments_.front()->first_sequence();
  }

  // Appends the event that make(sequence) returns: it is made where it stays.
  template <typename Make>
  void Append(Make make) {
    const uint64_t sequence = next_sequence_;
    new (PlaceOfNext()) Event(make(sequence));
    ++next_sequence_;
  }

  // The events from `sequence` on that lie in one segment. An empty range when
  // there are none yet.
  //
  // REQUIRES: sequence >= first_retained().
  EventRange Read(uint64_t sequence) const;

 private:
  // Memory for the event with the next sequence.
  void* PlaceOfNext();

  EventBudget* const budget_;
  uint64_t next_sequence_ = 1;
  std::deque<std::shared_ptr<EventSegment>> segments_;
};

}  // namespace conntrack
