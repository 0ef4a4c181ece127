// Which options go with which command, and with each other.
#pragma once

#include <set>

#include "absl/status/status.h"
#include "client/cli/conntrack/option_table.h"
#include "client/cli/conntrack/options.h"

namespace conntrack::cli {

// The letter of a command line without a command.
constexpr char kNoCommand = '-';

// Whether the options that were given go with the command of this letter. Complains as
// conntrack(8) does, of the first in its order.
absl::Status CheckOptions(char letter, const std::set<Option>& given,
                          const ConntrackOptions& options);

}  // namespace conntrack::cli
