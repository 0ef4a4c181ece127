#include "client/cli/duration.h"

#include <array>
#include <cctype>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace conntrack::cli {
namespace {

using std::chrono::milliseconds;

struct Unit {
  const char* name;
  int64_t milliseconds;
};

// Largest first.
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr int64_t kMostMs = 3'650 * kUnits[0].milliseconds;

absl::Status Malformed(const std::string& text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a duration such as 10s, 1h30m, 5d or 250ms"));
}

}  // namespace

absl::StatusOr<milliseconds> ParseDuration(const std::string& text) {
  int64_t total = 0;
  size_t next_unit = 0;
  size_t at = 0;
  if (text.empty()) return Malformed(text);
  while (at < text.size()) {
    const size_t digits = at;
    int64_t number = 0;
    for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0; ++at) {
      number = number * 10 + (text[at] - '0');
      if (number > kMostMs) {
        return absl::InvalidArgumentError(absl::StrCat("duration ", text, " is above 10 years"));
      }
    }
    if (at == digits) return Malformed(text);
    const size_t letters = at;
    while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0) ++at;
    std::string name = text.substr(letters, at - letters);
    if (name.empty() && digits == 0 && at == text.size()) name = "s";
    size_t unit = next_unit;
    while (unit < kUnits.size() && name != kUnits[unit].name) ++unit;
    if (unit == kUnits.size()) return Malformed(text);
    next_unit = unit + 1;
    if (number > kMostMs / kUnits[unit].milliseconds ||
        (total += number * kUnits[unit].milliseconds) > kMostMs) {
      return absl::InvalidArgumentError(absl::StrCat("duration ", text, " is above 10 years"));
    }
  }
  return milliseconds(total);
}

std::string DurationText(milliseconds duration) {
  int64_t rest = duration.count();
  std::string text;
  if (rest < 0) {
    text = "-";
    rest = -rest;
  }
  int written = 0;
  for (const Unit& unit : kUnits) {
    const int64_t count = rest / unit.milliseconds;
    rest %= unit.milliseconds;
    if (count != 0) absl::StrAppend(&text, count, unit.name);
    if (count != 0 || written != 0) ++written;
    if (written == 2) break;
  }
  return written == 0 ? "0s" : text;
}

std::string DurationText(const google::protobuf::Duration& duration) {
  return DurationText(milliseconds(duration.seconds() * 1000 + duration.nanos() / 1'000'000));
}

google::protobuf::Duration ToProto(milliseconds duration) {
  google::protobuf::Duration result;
  result.set_seconds(duration.count() / 1000);
  result.set_nanos(static_cast<int32_t>(duration.count() % 1000) * 1'000'000);
  return result;
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  const std::time_t seconds = static_cast<std::time_t>(time.seconds());
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                         utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                         time.nanos() / 1'000'000);
}

}  // namespace conntrack::cli
