// The setting `breakdowns`: what open connections are counted by in metrics.
//
//   service=protocol,original.destination_port;network=original.destination/24/64
//
// Pure functions; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/breakdown.h"

namespace conntrack {

struct BreakdownConfig {
  // Part of the metric's name: [a-z][a-z0-9_]*, at most 32.
  std::string name;
  // As group_by of CountConnections, but only what a connection keeps for life.
  std::vector<std::string> fields;
};

// InvalidArgument, naming the part, for what is not NAME=FIELD[,FIELD]...[;...], more
// than Breakdowns::kMax, a name that stands twice or is none, and fields that cannot
// be grouped by.
absl::StatusOr<std::vector<BreakdownConfig>> ParseBreakdowns(absl::string_view text);
std::string FormatBreakdowns(const std::vector<BreakdownConfig>& breakdowns);

// REQUIRES: `config` came from ParseBreakdowns.
BreakdownOptions MakeBreakdownOptions(const BreakdownConfig& config, size_t groups_max,
                                      uint32_t slot_count);

}  // namespace conntrack
