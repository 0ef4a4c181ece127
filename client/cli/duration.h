// Spans of time as people write them: "90s", "1h30m", "5d", "250ms".
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace conntrack::cli {

// Numbers with the units ms, s, m, h, d, largest first, each at most once; a
// bare number is seconds. InvalidArgument for all else, and above 10 years.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(const std::string& text);

// The two largest units that are not zero: "4d23h", "1m30s", "250ms", "0s".
// What is below them is cut off.
std::string DurationText(std::chrono::milliseconds duration);
std::string DurationText(const google::protobuf::Duration& duration);

google::protobuf::Duration ToProto(std::chrono::milliseconds duration);

// UTC with milliseconds, as RFC 3339 has it: "2026-01-02T03:04:05.678Z".
std::string TimeText(const google::protobuf::Timestamp& time);

}  // namespace conntrack::cli
