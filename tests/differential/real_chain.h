// A capture's way through the programs as users run them: a conntrack-sensor
// reads it and sends it over gRPC to a conntrack-server, which is then asked.
//
// Not thread-safe. Costs two processes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/tracker/settings.h"
#include "server/tracker/verdict.h"
#include "tests/testing/observation.h"

namespace conntrack {

// What was counted of a capture.
struct Totals {
  // By VerdictKind.
  std::array<uint64_t, kVerdictKinds> verdicts = {};
  // By EventType.
  std::array<uint64_t, kEventTypes + 1> events = {};

  friend bool operator==(const Totals&, const Totals&) = default;
};

struct ChainAnswer {
  // What ListConnections lists.
  std::vector<SeenConnection> connections;
  // What GetStats counts.
  Totals totals;
};

// The zone is new, has `settings` and lives on the times of the capture.
// `directory` is for the server's socket. Internal, with what a program said,
// when one of them fails.
absl::StatusOr<ChainAnswer> AskRealChain(const std::string& capture, const std::string& directory,
                                         const ZoneSettings& settings);

}  // namespace conntrack
