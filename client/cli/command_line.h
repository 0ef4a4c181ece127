// The whole command line of conntrackctl: its options, verbs and help.
#pragma once

#include <CLI/App.hpp>

#include "client/cli/invocation.h"
#include "docs/manual/command_tree.h"
#include "docs/manual/manual.h"

namespace conntrack::cli {

// Adds everything to `app`, made with kDescription and kProgram. Both arguments must
// outlive the run.
void AddCommandLine(CLI::App& app, Invocation& invocation);

// The tree of `app`, once everything was added to it.
manual::Command TreeOf(const CLI::App& app);

// What the process returns, and what it means.
manual::ExitCodes MeaningOfExitCodes();

inline constexpr char kProgram[] = "conntrackctl";
inline constexpr char kDescription[] = "Asks a conntrack-server about the connections it tracks.";

}  // namespace conntrack::cli
