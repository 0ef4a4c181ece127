#include "server/tracker/filter_fields.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/tracker/settings.h"

namespace conntrack {
namespace {

enum class ValueType : uint8_t {
  kNumber,
  kProtocol,
  kFamily,
  kState,
  kBoolean,
  kSensor,
  kAddress,
  kDuration,
};

struct FieldRow {
  absl::string_view name;
  FilterField field;
  ValueType type;
  // Highest value of a kNumber; 0: not known before the options are.
  uint64_t max = 0;
  // Some connections do not have it.
  bool optional = false;
};

constexpr uint64_t kMax8 = std::numeric_limits<uint8_t>::max();
constexpr uint64_t kMax16 = std::numeric_limits<uint16_t>::max();
constexpr uint64_t kMax32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();

constexpr std::array<FieldRow, 32> kFields = {{
    {"zone", FilterField::kZone, ValueType::kNumber, kMax32},
    {"id", FilterField::kId, ValueType::kNumber, kMax64},
    {"slot", FilterField::kSlot, ValueType::kNumber},
    {"protocol", FilterField::kProtocol, ValueType::kProtocol},
    {"family", FilterField::kFamily, ValueType::kFamily},
    {"state", FilterField::kState, ValueType::kState, 0, true},
    {"seen_reply", FilterField::kSeenReply, ValueType::kBoolean},
    {"assured", FilterField::kAssured, ValueType::kBoolean},
    {"mark", FilterField::kMark, ValueType::kNumber, kMax32},
    {"sensor", FilterField::kSensor, ValueType::kSensor},
    {"original.source", FilterField::kOriginalSource, ValueType::kAddress},
    {"original.destination", FilterField::kOriginalDestination, ValueType::kAddress},
    {"reply.source", FilterField::kReplySource, ValueType::kAddress},
    {"reply.destination", FilterField::kReplyDestination, ValueType::kAddress},
    {"address", FilterField::kAddress, ValueType::kAddress},
    {"original.source_port", FilterField::kOriginalSourcePort, ValueType::kNumber, kMax16, true},
    {"original.destination_port", FilterField::kOriginalDestinationPort, ValueType::kNumber, kMax16,
     true},
    {"reply.source_port", FilterField::kReplySourcePort, ValueType::kNumber, kMax16, true},
    {"reply.destination_port", FilterField::kReplyDestinationPort, ValueType::kNumber, kMax16,
     true},
    {"port", FilterField::kPort, ValueType::kNumber, kMax16, true},
    {"icmp.type", FilterField::kIcmpType, ValueType::kNumber, kMax8, true},
    {"icmp.code", FilterField::kIcmpCode, ValueType::kNumber, kMax8, true},
    {"icmp.id", FilterField::kIcmpId, ValueType::kNumber, kMax16, true},
    {"packets", FilterField::kPackets, ValueType::kNumber, kMax64},
    {"bytes", FilterField::kBytes, ValueType::kNumber, kMax64},
    {"original.packets", FilterField::kOriginalPackets, ValueType::kNumber, kMax64},
    {"original.bytes", FilterField::kOriginalBytes, ValueType::kNumber, kMax64},
    {"reply.packets", FilterField::kReplyPackets, ValueType::kNumber, kMax64},
    {"reply.bytes", FilterField::kReplyBytes, ValueType::kNumber, kMax64},
    {"age", FilterField::kAge, ValueType::kDuration},
    {"idle", FilterField::kIdle, ValueType::kDuration},
    {"expires", FilterField::kExpires, ValueType::kDuration},
}};

struct NamedNumber {
  absl::string_view name;
  uint64_t number;
};

constexpr std::array<NamedNumber, 10> kProtocols = {{{"TCP", 6},
                                                     {"UDP", 17},
                                                     {"ICMP", 1},
                                                     {"ICMPV6", 58},
                                                     {"SCTP", 132},
                                                     {"GRE", 47},
                                                     {"ESP", 50},
                                                     {"AH", 51},
                                                     {"DCCP", 33},
                                                     {"UDPLITE", 136}}};

constexpr std::array<NamedNumber, 4> kFamilies = {{{"4", 4}, {"6", 6}, {"IPV4", 4}, {"IPV6", 6}}};

constexpr std::array<NamedNumber, 9> kStates = {{
    {"SYN_SENT", static_cast<uint64_t>(TcpState::kSynSent)},
    {"SYN_RECV", static_cast<uint64_t>(TcpState::kSynRecv)},
    {"ESTABLISHED", static_cast<uint64_t>(TcpState::kEstablished)},
    {"FIN_WAIT", static_cast<uint64_t>(TcpState::kFinWait)},
    {"CLOSE_WAIT", static_cast<uint64_t>(TcpState::kCloseWait)},
    {"LAST_ACK", static_cast<uint64_t>(TcpState::kLastAck)},
    {"TIME_WAIT", static_cast<uint64_t>(TcpState::kTimeWait)},
    {"CLOSE", static_cast<uint64_t>(TcpState::kClose)},
    {"SYN_SENT2", static_cast<uint64_t>(TcpState::kSynSent2)},
}};

constexpr std::array<NamedNumber, 2> kBooleans = {{{"false", 0}, {"true", 1}}};

const FieldRow* FindField(absl::string_view name) {
  const auto row = std::find_if(kFields.begin(), kFields.end(),
                                [&](const FieldRow& field) { return field.name == name; });
  return row == kFields.end() ? nullptr : &*row;
}

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

// An error about the value of a field: `filter column 8: port "x" is WRONG`.
absl::Status ValueError(const FieldRow& row, const FilterWord& value, absl::string_view wrong) {
  return FilterError(value.column,
                     absl::StrCat(row.name, " ", QuoteForMessage(value.text), " ", wrong));
}

absl::StatusOr<uint64_t> ParseNumber(const FieldRow& row, const FilterWord& value, uint64_t max) {
  const absl::string_view text = value.text;
  if (text.size() > 1 && text[0] == '-' && IsDigits(text.substr(1))) {
    return ValueError(row, value, "is below 0");
  }
  const bool hex = absl::StartsWithIgnoreCase(text, "0x");
  uint64_t number = 0;
  bool parsed = false;
  if (hex) {
    const absl::string_view digits = text.substr(2);
    const bool clean = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
      return absl::ascii_isxdigit(static_cast<unsigned char>(c));
    });
    if (!clean) return ValueError(row, value, "is not a whole number");
    parsed = absl::SimpleHexAtoi(digits, &number);
  } else {
    if (!IsDigits(text)) return ValueError(row, value, "is not a whole number");
    parsed = absl::SimpleAtoi(text, &number);
  }
  if (!parsed || number > max) return ValueError(row, value, absl::StrCat("is above ", max));
  return number;
}

// The number of a name; the case of letters does not matter.
template <size_t kSize>
const NamedNumber* FindName(const std::array<NamedNumber, kSize>& names, absl::string_view text) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const NamedNumber& named) {
    return absl::EqualsIgnoreCase(named.name, text);
  });
  return found == names.end() ? nullptr : &*found;
}

template <size_t kSize>
absl::StatusOr<uint64_t> ParseName(const FieldRow& row, const FilterWord& value,
                                   const std::array<NamedNumber, kSize>& names) {
  if (const NamedNumber* found = FindName(names, value.text)) return found->number;
  std::string wrong = "is not one of";
  for (const NamedNumber& named : names) absl::StrAppend(&wrong, " ", named.name);
  return ValueError(row, value, wrong);
}

absl::StatusOr<uint64_t> ParseProtocol(const FieldRow& row, const FilterWord& value) {
  if (IsDigits(value.text)) return ParseNumber(row, value, kMax8);
  return ParseName(row, value, kProtocols);
}

absl::StatusOr<uint64_t> ParseSensor(const FieldRow& row, const FilterWord& value,
                                     const FilterOptions& options) {
  if (absl::StrContains(value.text, "*")) {
    return ValueError(row, value, "has a wildcard, which is not supported");
  }
  const std::optional<uint16_t> index = options.sensor_index(value.text);
  if (!index.has_value()) return ValueError(row, value, "is not a known sensor");
  return *index;
}

// Seconds with up to nine decimals and an `s`, as a biased number of
// nanoseconds.
absl::StatusOr<uint64_t> ParseDuration(const FieldRow& row, const FilterWord& value) {
  constexpr size_t kDecimalsMax = 9;
  constexpr uint64_t kNanosPerSecond = 1'000'000'000;
  constexpr uint64_t kSecondsMax =
      static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / kNanosPerSecond - 1;
  absl::string_view text = value.text;
  const auto wrong = [&] {
    return ValueError(row, value, "is not a number of seconds such as 60s or 0.5s");
  };
  if (text.empty() || text.back() != 's') return wrong();
  text.remove_suffix(1);
  const size_t dot = text.find('.');
  const absl::string_view whole = text.substr(0, dot);
  const absl::string_view decimals =
      dot == absl::string_view::npos ? absl::string_view("0") : text.substr(dot + 1);
  if (!IsDigits(whole) || !IsDigits(decimals) || decimals.size() > kDecimalsMax) return wrong();
  uint64_t seconds = 0;
  if (!absl::SimpleAtoi(whole, &seconds) || seconds > kSecondsMax) {
    return ValueError(row, value, absl::StrCat("is above ", kSecondsMax, "s"));
  }
  uint64_t nanos = 0;
  for (size_t i = 0; i < kDecimalsMax; ++i) {
    nanos = nanos * 10 + (i < decimals.size() ? static_cast<uint64_t>(decimals[i] - '0') : 0);
  }
  return (seconds * kNanosPerSecond + nanos) ^ kSignBit;
}

// Only the forms that inet_pton takes: no leading zeros, no zone index.
std::optional<std::pair<Family, Address>> ParseAddress(const std::string& text) {
  in_addr ipv4;
  if (inet_pton(AF_INET, text.c_str(), &ipv4) == 1) {
    return std::pair(Family::kIpv4, Ipv4Address(ntohl(ipv4.s_addr)));
  }
  in6_addr ipv6;
  if (inet_pton(AF_INET6, text.c_str(), &ipv6) != 1) return std::nullopt;
  Address address;
  for (size_t i = 0; i < 8; ++i) {
    address.high = address.high << 8 | ipv6.s6_addr[i];
    address.low = address.low << 8 | ipv6.s6_addr[i + 8];
  }
  return std::pair(Family::kIpv6, address);
}

// The first `length` bits of an address of `family`.
Address MaskOf(Family family, uint64_t length) {
  const auto high_bits = [](uint64_t bits) {
    return bits == 0 ? 0 : kMax64 << (64 - std::min<uint64_t>(bits, 64));
  };
  if (family == Family::kIpv4) return {0, length == 0 ? 0 : kMax32 << (32 - length) & kMax32};
  return {high_bits(length), length > 64 ? high_bits(length - 64) : 0};
}

absl::Status SetNetwork(const FieldRow& row, const FilterWord& value, bool prefix_allowed,
                        FilterTest* test) {
  const size_t slash = value.text.find('/');
  if (slash != std::string::npos && !prefix_allowed) {
    return ValueError(row, value,
                      absl::StrCat("is a network; write ip_in(", row.name, ", ",
                                   QuoteForMessage(value.text), ")"));
  }
  const std::string text = value.text.substr(0, slash);
  const auto parsed = ParseAddress(text);
  // inet_pton stops at a NUL byte.
  if (!parsed.has_value() || absl::StrContains(text, absl::string_view("\0", 1))) {
    return ValueError(row, value, "is not an address");
  }
  const auto& [family, address] = *parsed;
  const uint64_t length_max = family == Family::kIpv4 ? 32 : 128;
  uint64_t length = length_max;
  if (slash != std::string::npos) {
    const std::string digits = value.text.substr(slash + 1);
    if (!IsDigits(digits) || !absl::SimpleAtoi(digits, &length) || length > length_max) {
      return ValueError(row, value,
                        absl::StrCat("has a prefix length that is not 0 to ", length_max));
    }
  }
  const Address mask = MaskOf(family, length);
  test->family = family;
  test->network = {{address.high & mask.high, address.low & mask.low}, mask};
  return absl::OkStatus();
}

// The numbers for which `number OP value`.
void SetRange(FilterOperator op, uint64_t value, FilterTest* test) {
  const bool none = (op == FilterOperator::kLess && value == 0) ||
                    (op == FilterOperator::kGreater && value == kMax64);
  test->negated = op == FilterOperator::kNotEqual || none;
  uint64_t low = 0;
  uint64_t high = kMax64;
  if (none) {
    // The opposite of everything.
  } else if (op == FilterOperator::kLess) {
    high = value - 1;
  } else if (op == FilterOperator::kLessOrEqual) {
    high = value;
  } else if (op == FilterOperator::kGreater) {
    low = value + 1;
  } else if (op == FilterOperator::kGreaterOrEqual) {
    low = value;
  } else {
    low = high = value;
  }
  test->range = {low, high - low};
}

absl::StatusOr<uint64_t> ParseScalar(const FieldRow& row, const FilterWord& value,
                                     const FilterOptions& options) {
  switch (row.type) {
    case ValueType::kProtocol:
      return ParseProtocol(row, value);
    case ValueType::kFamily:
      return ParseName(row, value, kFamilies);
    case ValueType::kState:
      return ParseName(row, value, kStates);
    case ValueType::kBoolean:
      return ParseName(row, value, kBooleans);
    case ValueType::kSensor:
      return ParseSensor(row, value, options);
    case ValueType::kDuration:
      return ParseDuration(row, value);
    default:
      return ParseNumber(row, value,
                         row.field == FilterField::kSlot ? options.slot_count - 1 : row.max);
  }
}

// OK when the field may be used here and has an order if one is asked for.
absl::Status CheckUse(const FieldRow& row, const FilterRestriction& restriction,
                      const FilterOptions& options) {
  if (row.type == ValueType::kDuration && !options.allow_time_fields) {
    return FilterError(
        restriction.field.column,
        absl::StrCat("\"", row.name, "\" changes without an event and cannot be used here"));
  }
  if (row.type == ValueType::kSensor && options.sensor_index == nullptr) {
    return FilterError(restriction.field.column, "\"sensor\" cannot be used here");
  }
  const bool ordered = row.type == ValueType::kNumber || row.type == ValueType::kDuration;
  const FilterOperator op = restriction.op;
  if (op == FilterOperator::kIpIn && row.type != ValueType::kAddress) {
    return FilterError(restriction.field.column,
                       absl::StrCat("ip_in takes an address, not \"", row.name, "\""));
  }
  if (op != FilterOperator::kEqual && op != FilterOperator::kNotEqual &&
      op != FilterOperator::kHas && op != FilterOperator::kIpIn && !ordered) {
    return FilterError(restriction.op_column, absl::StrCat("\"", TextOf(op), "\" cannot compare ",
                                                           row.name, "; use = or !="));
  }
  return absl::OkStatus();
}

// `field:*`, which every value of the field passes.
absl::Status CheckPresence(const FieldRow& row, const FilterRestriction& restriction) {
  if (restriction.value.text != "*") {
    return FilterError(restriction.op_column,
                       absl::StrCat("\":\" takes only *, as in ", row.name, ":*; use ="));
  }
  if (!row.optional) {
    return FilterError(restriction.field.column,
                       absl::StrCat("every connection has \"", row.name, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FilterTest> MakeFilterTest(const FilterRestriction& restriction,
                                          const FilterOptions& options) {
  const FilterWord& name = restriction.field;
  const FieldRow* row = FindField(name.text);
  if (row == nullptr) {
    return FilterError(name.column, absl::StrCat("unknown field ", QuoteForMessage(name.text)));
  }
  absl::Status status = CheckUse(*row, restriction, options);
  if (!status.ok()) return status;
  FilterTest test;
  test.field = row->field;
  if (restriction.op == FilterOperator::kHas) {
    status = CheckPresence(*row, restriction);
    if (!status.ok()) return status;
    return test;
  }
  if (row->type == ValueType::kAddress) {
    test.negated = restriction.op == FilterOperator::kNotEqual;
    status = SetNetwork(*row, restriction.value, restriction.op == FilterOperator::kIpIn, &test);
    if (!status.ok()) return status;
    return test;
  }
  absl::StatusOr<uint64_t> value = ParseScalar(*row, restriction.value, options);
  if (!value.ok()) return value.status();
  SetRange(restriction.op, *value, &test);
  return test;
}

}  // namespace conntrack
