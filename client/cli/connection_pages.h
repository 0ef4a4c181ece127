// All connections that match a filter, page by page.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "client/cli/invocation.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {

// Calls `take` for each until it returns false, the output is closed or a page
// cannot be had; that error is returned.
absl::Status ForEachConnection(Invocation& invocation, const std::string& filter,
                               const std::function<bool(const v1::Connection&)>& take);

}  // namespace conntrack::cli
