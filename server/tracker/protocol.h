// What the protocols answer to the slot: what becomes of a connection that a
// packet was found to belong to.
#pragma once

#include <cstdint>

#include "server/tracker/time.h"
#include "server/tracker/verdict.h"

namespace conntrack {

enum class ProtocolAction : uint8_t {
  kAccept,   // Counted; the deadline becomes `timeout` from now.
  kIgnore,   // Accepted, but neither counted nor a reason to live longer.
  kInvalid,  // Belongs to no connection; `reason` says why.
  kReopen,   // The connection ends, and the packet starts a new one.
  kKill,     // Counted; the connection ends at once.
};

struct ProtocolResult {
  ProtocolAction action = ProtocolAction::kAccept;
  InvalidReason reason = InvalidReason::kNone;
  // Of event bits (change::…); kReply is the slot's own.
  uint8_t changes = 0;
  // The connection becomes assured.
  bool assured = false;
  // For kInvalid: lower what is left to live to `timeout`.
  bool lower_timeout = false;
  Duration timeout{0};

  static ProtocolResult Ignore() { return {.action = ProtocolAction::kIgnore}; }
  static ProtocolResult Invalid(InvalidReason reason) {
    return {.action = ProtocolAction::kInvalid, .reason = reason};
  }
};

}  // namespace conntrack
