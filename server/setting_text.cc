#include "server/setting_text.h"

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace conntrack {
namespace {

struct Unit {
  const char* suffix;
  uint64_t bytes;
};
constexpr std::array<Unit, 3> kByteUnits = {
    {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}}};

absl::Status OutOfRange(absl::string_view text, absl::string_view min, absl::string_view max) {
  return absl::InvalidArgumentError(absl::StrCat(text, " is not between ", min, " and ", max));
}

// Digits only: what absl also takes, signs and blanks, is no number here.
bool ParseDigits(absl::string_view text, uint64_t* value) {
  return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, value);
}

}  // namespace

absl::StatusOr<bool> ParseSwitch(absl::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is neither true nor false"));
}

absl::StatusOr<uint64_t> ParseNumber(absl::string_view text, uint64_t min, uint64_t max) {
  uint64_t value = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a whole number"));
  }
  if (!absl::SimpleAtoi(text, &value) || value < min || value > max) {
    return OutOfRange(text, absl::StrCat(min), absl::StrCat(max));
  }
  return value;
}

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text, uint64_t min, uint64_t max) {
  absl::string_view digits = text;
  uint64_t unit_bytes = 1;
  for (const Unit& unit : kByteUnits) {
    if (absl::EndsWith(text, unit.suffix)) {
      digits.remove_suffix(3);
      unit_bytes = unit.bytes;
    }
  }
  uint64_t value = 0;
  if (!ParseDigits(digits, &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a size such as 65536, 64KiB or 4MiB"));
  }
  if (value > max / unit_bytes || value * unit_bytes < min) {
    return OutOfRange(text, FormatBytes(min), FormatBytes(max));
  }
  return value * unit_bytes;
}

absl::StatusOr<uint64_t> ParseSeed(absl::string_view text) {
  uint64_t value = 0;
  const bool is_hex = absl::StartsWith(text, "0x");
  if (is_hex ? absl::SimpleHexAtoi(text, &value) : ParseDigits(text, &value)) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a 64-bit number such as 7 or 0x7f"));
}

absl::StatusOr<Duration> ParseDuration(absl::string_view text, Duration min, Duration max) {
  absl::string_view rest = text;
  absl::Duration sum;
  // Days are ours: absl ends at hours, and Linux's default for TCP is 5 days.
  if (const size_t days_end = text.find('d'); days_end != absl::string_view::npos) {
    uint64_t days = 0;
    if (ParseDigits(text.substr(0, days_end), &days) && days <= 100'000) {
      sum = absl::Hours(24) * days;
      rest.remove_prefix(days_end + 1);
    }
  }
  absl::Duration clock;
  const bool days_only = rest.empty() && !text.empty();
  if (!days_only && !absl::ParseDuration(rest, &clock)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a duration such as 100ms, 30s, 1h30m or 5d"));
  }
  sum += clock;
  if (sum < absl::FromChrono(min) || sum > absl::FromChrono(max)) {
    return OutOfRange(text, FormatDuration(min), FormatDuration(max));
  }
  return absl::ToChronoNanoseconds(sum);
}

std::string FormatSwitch(bool value) { return value ? "true" : "false"; }

std::string FormatBytes(uint64_t bytes) {
  for (const Unit& unit : kByteUnits) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
      return absl::StrCat(bytes / unit.bytes, unit.suffix);
    }
  }
  return absl::StrCat(bytes);
}

std::string FormatSeed(uint64_t seed) {
  return seed < 10 ? absl::StrCat(seed) : absl::StrCat("0x", absl::Hex(seed));
}

std::string FormatDuration(Duration duration) {
  constexpr Duration kDay = std::chrono::hours(24);
  if (duration >= kDay && duration % kDay == Duration(0)) {
    return absl::StrCat(duration / kDay, "d");
  }
  return absl::FormatDuration(absl::FromChrono(duration));
}

}  // namespace conntrack
