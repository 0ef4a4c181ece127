// ConnectionRequest is what a user may ask to be done with connections: change
// them, or end them.
//
// Plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "server/tracker/labels.h"
#include "server/tracker/time.h"

namespace conntrack {

// Bounds of ConnectionRequest::timeout; those of the timeouts of a zone.
inline constexpr Duration kRequestTimeoutMin = std::chrono::milliseconds(1);
inline constexpr Duration kRequestTimeoutMax = std::chrono::hours(40 * 24);

struct ConnectionRequest {
  enum class Kind : uint8_t { kUpdate, kDelete };

  Kind kind = Kind::kUpdate;
  // Counts what would be done, and does nothing.
  bool dry_run = false;

  // Of kUpdate. The bits of a mask become those of the value; all others stay.
  // REQUIRES: a value has no bits outside its mask.
  uint32_t mark = 0;
  uint32_t mark_mask = 0;
  Labels labels;
  Labels labels_mask;
  // The time left from now on, until the next packet sets it again. Between the
  // bounds above. Nullopt: as it is.
  std::optional<Duration> timeout;
};

// What became of a connection that was to be restored.
enum class Restored : uint8_t {
  kDone,
  kExists,    // There is one with its tuple.
  kZoneFull,  // Nothing is evicted for it.
};

// What became of a request.
struct RequestCounts {
  // Connections that it is about.
  uint64_t matched = 0;
  // Those that it changed or ended, or would have.
  uint64_t changed = 0;
};

}  // namespace conntrack
