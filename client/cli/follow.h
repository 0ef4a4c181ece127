// Follows the changes of connections and prints them, until there are enough of them,
// a signal comes or nobody reads any more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/invocation.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

struct FollowOptions {
  // AIP-160 text; empty for all.
  std::string filter;
  // Empty: all events.
  std::vector<v1::EventType> event_types;
  // Begin with the connections that are open.
  bool snapshot = false;
  // Begin after this place, in base64. Not with `snapshot`.
  std::string since_token;
  // Say on standard error, at the end, where another watch could go on.
  bool print_token = false;
  // Stop after this many changes; 0 for no limit.
  uint64_t count = 0;
};

// OK at an end that was wanted: enough changes, SIGINT, SIGTERM, or a reader that went
// away. What was lost, and every outage, is told on standard error.
//
// REQUIRES: no other thread was started before, as the signals are blocked.
absl::Status Follow(Invocation& invocation, const FollowOptions& options);

}  // namespace conntrack::cli
