// How a mark changes, as people write it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {

// "N" or "N/MASK", each decimal or hexadecimal after 0x. InvalidArgument for all else.
absl::StatusOr<v1::MarkUpdate> ParseMark(const std::string& text);

}  // namespace conntrack::cli
