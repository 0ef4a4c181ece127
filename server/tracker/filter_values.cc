#include "server/tracker/filter_values.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/tracker/address_text.h"
#include "server/tracker/time.h"

namespace conntrack {
namespace {

bool IsHexDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
}

}  // namespace

absl::Status FilterValueError(absl::string_view field, const FilterWord& value,
                              absl::string_view wrong) {
  return FilterError(value.column,
                     absl::StrCat(field, " ", QuoteForMessage(value.text), " ", wrong));
}

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

absl::StatusOr<uint64_t> ParseFilterNumber(absl::string_view field, const FilterWord& value,
                                           uint64_t max) {
  const absl::string_view text = value.text;
  if (absl::StartsWith(text, "-") && IsDigits(text.substr(1))) {
    return FilterValueError(field, value, "is below 0");
  }
  const bool hex = absl::StartsWithIgnoreCase(text, "0x");
  if (hex ? !IsHexDigits(text.substr(2)) : !IsDigits(text)) {
    return FilterValueError(field, value, "is not a whole number");
  }
  uint64_t number = 0;
  const bool fits = hex ? absl::SimpleHexAtoi(text, &number) : absl::SimpleAtoi(text, &number);
  if (!fits || number > max) {
    return FilterValueError(field, value, absl::StrCat("is above ", max));
  }
  return number;
}

absl::StatusOr<uint64_t> ParseFilterName(absl::string_view field, const FilterWord& value,
                                         std::span<const NamedNumber> names) {
  std::string wrong = "is not one of";
  for (const NamedNumber& named : names) {
    if (absl::EqualsIgnoreCase(named.name, value.text)) return named.number;
    absl::StrAppend(&wrong, " ", named.name);
  }
  return FilterValueError(field, value, wrong);
}

absl::StatusOr<int64_t> ParseFilterDuration(absl::string_view field, const FilterWord& value) {
  constexpr size_t kDecimalsMax = 9;
  constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond - 1;
  absl::string_view text = value.text;
  const bool has_unit = absl::ConsumeSuffix(&text, "s");
  const size_t dot = text.find('.');
  const absl::string_view whole = text.substr(0, dot);
  const absl::string_view decimals =
      dot == absl::string_view::npos ? absl::string_view("0") : text.substr(dot + 1);
  if (!has_unit || !IsDigits(whole) || !IsDigits(decimals) || decimals.size() > kDecimalsMax) {
    return FilterValueError(field, value, "is not a number of seconds such as 60s or 0.5s");
  }
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(whole, &seconds) || seconds > kSecondsMax) {
    return FilterValueError(field, value, absl::StrCat("is above ", kSecondsMax, "s"));
  }
  int64_t nanos = 0;
  for (size_t i = 0; i < kDecimalsMax; ++i) {
    nanos = nanos * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
  }
  return seconds * kNanosPerSecond + nanos;
}

absl::StatusOr<FilterNetwork> ParseFilterNetwork(absl::string_view field, const FilterWord& value,
                                                 bool prefix_allowed) {
  const size_t slash = value.text.find('/');
  if (slash != std::string::npos && !prefix_allowed) {
    return FilterValueError(
        field, value,
        absl::StrCat("is a network; write ip_in(", field, ", ", QuoteForMessage(value.text), ")"));
  }
  const auto parsed = ReadAddress(value.text.substr(0, slash));
  if (!parsed.has_value()) return FilterValueError(field, value, "is not an address");
  const auto& [family, address] = *parsed;
  const uint64_t length_max = family == Family::kIpv4 ? 32 : 128;
  uint64_t length = length_max;
  if (slash != std::string::npos) {
    const std::string digits = value.text.substr(slash + 1);
    if (!IsDigits(digits) || !absl::SimpleAtoi(digits, &length) || length > length_max) {
      return FilterValueError(field, value,
                              absl::StrCat("has a prefix length that is not 0 to ", length_max));
    }
  }
  const Address mask = PrefixMask(family, length);
  return FilterNetwork{family, {address.high & mask.high, address.low & mask.low}, mask};
}

}  // namespace conntrack
