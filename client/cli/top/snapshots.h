// The view as a sequence of snapshots, for files, pipes and programs.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "client/cli/invocation.h"
#include "client/cli/top/controls.h"
#include "client/cli/top/looker.h"

namespace conntrack::cli::top {

// Prints `count` snapshots, 0 for no limit, one each interval, the first after the first
// interval: a rate needs two looks. Ends early when a signal comes or nobody reads.
// REQUIRES: the signals of TakenSignals() are blocked in all threads.
absl::Status PrintSnapshots(Invocation& invocation, Looker* looker, const Controls& controls,
                            uint64_t count);

}  // namespace conntrack::cli::top
