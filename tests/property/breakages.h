// Ways to break the stream of a watch: what a server that keeps no promise would
// send, to see that Replica finds it out.
//
// Thread-safe.
#pragma once

#include <functional>
#include <vector>

#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::testing {

using Messages = std::vector<v1::WatchResponse>;

struct Breakage {
  const char* name;
  // For a stream with a filter; else for one without.
  bool filtered;
  // Breaks a whole stream that begins with a snapshot. False when it has nothing to
  // break in this way.
  std::function<bool(Messages*)> apply;
};

std::vector<Breakage> Breakages();

}  // namespace conntrack::testing
