// Values of settings as text, both ways. Every parser answers InvalidArgument
// with a message that names the text, and what would be right.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/time.h"

namespace conntrack {

// "true" or "false".
absl::StatusOr<bool> ParseSwitch(absl::string_view text);
// A decimal number in the range, both ends included.
absl::StatusOr<uint64_t> ParseNumber(absl::string_view text, uint64_t min, uint64_t max);
// The same, optionally with KiB, MiB or GiB behind it.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view text, uint64_t min, uint64_t max);
// Any 64 bits: decimal, or hexadecimal after 0x.
absl::StatusOr<uint64_t> ParseSeed(absl::string_view text);
// Numbers with units from d to ns: "10s", "1h30m", "5d".
absl::StatusOr<Duration> ParseDuration(absl::string_view text, Duration min, Duration max);

std::string FormatSwitch(bool value);
std::string FormatBytes(uint64_t bytes);
std::string FormatSeed(uint64_t seed);
std::string FormatDuration(Duration duration);

}  // namespace conntrack
