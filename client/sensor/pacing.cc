#include "client/sensor/pacing.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace conntrack::sensor {
namespace {

constexpr double kSpeedMin = 0.001;
constexpr double kSpeedMax = 1'000'000;

// Longer than any capture, and far from where a time point overflows.
constexpr double kWaitMaxNs = 1e18;

}  // namespace

absl::StatusOr<double> ParseSpeed(const std::string& text) {
  if (text == "max") return 0.0;
  if (text == "recorded") return 1.0;
  char* end = nullptr;
  const double factor = std::strtod(text.c_str(), &end);
  const bool is_factor = end != text.c_str() && std::string(end) == "x";
  if (!is_factor || !(factor >= kSpeedMin && factor <= kSpeedMax)) {
    return absl::InvalidArgumentError(absl::StrCat("speed \"", text,
                                                   "\" is not max, recorded, or a factor such as "
                                                   "10x between 0.001x and 1000000x"));
  }
  return factor;
}

Pacer::Clock::time_point Pacer::Due(uint64_t time_unix_ns, Clock::time_point now) {
  if (!start_.has_value()) start_ = Start{time_unix_ns, now};
  if (time_unix_ns <= start_->time_unix_ns) return start_->at;
  const double wait_ns =
      std::min(static_cast<double>(time_unix_ns - start_->time_unix_ns) / speed_, kWaitMaxNs);
  return start_->at + std::chrono::nanoseconds(static_cast<int64_t>(wait_ns));
}

}  // namespace conntrack::sensor
