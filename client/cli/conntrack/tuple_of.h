// The tuple that options describe.
#pragma once

#include "absl/status/statusor.h"
#include "client/cli/conntrack/options.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {

// The original direction, taken from that of the reply when only that was given.
// InvalidArgument when both were and are not the inverse of each other: a server
// that only watches tracks no address translation.
//
// REQUIRES: the options of -G, -I or -A were read without an error.
absl::StatusOr<v1::Tuple> OriginalTuple(const ConntrackOptions& options);

}  // namespace conntrack::cli
