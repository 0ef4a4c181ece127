// What conntrack(8) says of itself.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace conntrack::cli {

// The answer to -h.
std::string ConntrackUsage();

// Says why a command line is not understood; returns the exit code.
int TellUsage(const absl::Status& why);

}  // namespace conntrack::cli
