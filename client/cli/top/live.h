// The live view: full screen, until it is quit.
#pragma once

#include "absl/status/status.h"
#include "client/cli/invocation.h"
#include "client/cli/top/controls.h"
#include "client/cli/top/looker.h"

namespace conntrack::cli::top {

// Takes the terminal and shows what the server says, until a key, a signal or the end of
// the terminal ends it. OK then; an error when the terminal cannot be used.
// REQUIRES: the signals of TakenSignals() are blocked in all threads.
absl::Status ShowLive(const Invocation& invocation, Looker* looker, Controls controls);

}  // namespace conntrack::cli::top
