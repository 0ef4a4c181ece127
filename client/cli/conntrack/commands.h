// The commands of conntrack(8), each with the exit code of the original. A failure
// is a sentence of Netfilter's where there is one, else the server's.
#pragma once

#include "absl/status/statusor.h"
#include "client/cli/conntrack/options.h"
#include "client/cli/invocation.h"

namespace conntrack::cli {

// -L: shows what the options select.
absl::StatusOr<int> RunList(Invocation& invocation, const ConntrackOptions& options);

// -G: shows one entry, by its tuple.
absl::StatusOr<int> RunGet(Invocation& invocation, const ConntrackOptions& options);

// -D: ends what the options select, and shows it as it was.
absl::StatusOr<int> RunDelete(Invocation& invocation, const ConntrackOptions& options);

// -I and -A: makes one entry.
absl::StatusOr<int> RunCreate(Invocation& invocation, const ConntrackOptions& options);

// -U: sets mark, labels and timeout of what the options select in one zone, and
// shows what changed.
absl::StatusOr<int> RunUpdate(Invocation& invocation, const ConntrackOptions& options);

// -E: shows events until SIGINT or SIGTERM.
absl::StatusOr<int> RunEvents(Invocation& invocation, const ConntrackOptions& options);

// -F: ends all connections; like the original it does not look at --family.
absl::StatusOr<int> RunFlush(Invocation& invocation, const ConntrackOptions& options);

// -C: says how many there are.
absl::StatusOr<int> RunCount(Invocation& invocation);

// -S: the server's totals, as those of one CPU.
absl::StatusOr<int> RunStats(Invocation& invocation);

// Runs the command that the options name; says on standard error what became of it.
// Returns the exit code.
int RunConntrack(Invocation& invocation, const ConntrackOptions& options);

// -R: reads a command line from each line of a file, then runs them in their order,
// up to the first that fails. Returns the exit code.
int RunLoad(Invocation& invocation, const std::string& file);

}  // namespace conntrack::cli
