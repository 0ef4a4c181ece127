#include "server/tracker/filter_fields.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/tracker/filter_values.h"
#include "server/tracker/settings.h"

namespace conntrack {
namespace {

constexpr uint64_t kMax8 = std::numeric_limits<uint8_t>::max();
constexpr uint64_t kMax16 = std::numeric_limits<uint16_t>::max();
constexpr uint64_t kMax32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();

constexpr FieldRow kFields[] = {
    {"zone", FilterField::kZone, ValueType::kNumber, kMax32},
    {"id", FilterField::kId, ValueType::kNumber, kMax64},
    {"slot", FilterField::kSlot, ValueType::kNumber},
    {"protocol", FilterField::kProtocol, ValueType::kProtocol},
    {"family", FilterField::kFamily, ValueType::kFamily},
    {"state", FilterField::kState, ValueType::kState, 0, true},
    {"seen_reply", FilterField::kSeenReply, ValueType::kBoolean},
    {"assured", FilterField::kAssured, ValueType::kBoolean},
    {"mark", FilterField::kMark, ValueType::kNumber, kMax32},
    {"status", FilterField::kStatus, ValueType::kStatus},
    {"labels", FilterField::kLabels, ValueType::kLabels, kLabelCount - 1, true},
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
    {"gre.source_key", FilterField::kGreSourceKey, ValueType::kNumber, kMax16, true},
    {"gre.destination_key", FilterField::kGreDestinationKey, ValueType::kNumber, kMax16, true},
    {"sctp.original_verification_tag", FilterField::kSctpOriginalTag, ValueType::kNumber, kMax32,
     true},
    {"sctp.reply_verification_tag", FilterField::kSctpReplyTag, ValueType::kNumber, kMax32, true},
    {"community_id", FilterField::kCommunityId, ValueType::kCommunityId},
    {"packets", FilterField::kPackets, ValueType::kNumber, kMax64},
    {"bytes", FilterField::kBytes, ValueType::kNumber, kMax64},
    {"original.packets", FilterField::kOriginalPackets, ValueType::kNumber, kMax64},
    {"original.bytes", FilterField::kOriginalBytes, ValueType::kNumber, kMax64},
    {"reply.packets", FilterField::kReplyPackets, ValueType::kNumber, kMax64},
    {"reply.bytes", FilterField::kReplyBytes, ValueType::kNumber, kMax64},
    {"age", FilterField::kAge, ValueType::kDuration},
    {"idle", FilterField::kIdle, ValueType::kDuration},
    {"expires", FilterField::kExpires, ValueType::kDuration},
};
// All but kMarkBits, which has no name of its own.
static_assert(std::size(kFields) == kFilterFields - 1);

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

constexpr std::array<NamedNumber, 16> kStates = {{
    {"SYN_SENT", FilterStateNumber(TcpState::kSynSent)},
    {"SYN_RECV", FilterStateNumber(TcpState::kSynRecv)},
    {"ESTABLISHED", FilterStateNumber(TcpState::kEstablished)},
    {"FIN_WAIT", FilterStateNumber(TcpState::kFinWait)},
    {"CLOSE_WAIT", FilterStateNumber(TcpState::kCloseWait)},
    {"LAST_ACK", FilterStateNumber(TcpState::kLastAck)},
    {"TIME_WAIT", FilterStateNumber(TcpState::kTimeWait)},
    {"CLOSE", FilterStateNumber(TcpState::kClose)},
    {"SYN_SENT2", FilterStateNumber(TcpState::kSynSent2)},
    {"CLOSED", FilterStateNumber(SctpState::kClosed)},
    {"COOKIE_WAIT", FilterStateNumber(SctpState::kCookieWait)},
    {"COOKIE_ECHOED", FilterStateNumber(SctpState::kCookieEchoed)},
    {"SHUTDOWN_SENT", FilterStateNumber(SctpState::kShutdownSent)},
    {"SHUTDOWN_RECD", FilterStateNumber(SctpState::kShutdownRecd)},
    {"SHUTDOWN_ACK_SENT", FilterStateNumber(SctpState::kShutdownAckSent)},
    {"HEARTBEAT_SENT", FilterStateNumber(SctpState::kHeartbeatSent)},
}};

constexpr std::array<NamedNumber, 5> kStatusBits = {{{"EXPECTED", 1},
                                                     {"SEEN_REPLY", status_bit::kSeenReply},
                                                     {"ASSURED", status_bit::kAssured},
                                                     {"CONFIRMED", status_bit::kConfirmed},
                                                     {"DYING", status_bit::kDying}}};

constexpr std::array<NamedNumber, 2> kBooleans = {{{"false", 0}, {"true", 1}}};

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

absl::StatusOr<uint64_t> ParseSensor(const FieldRow& row, const FilterWord& value,
                                     const FilterOptions& options) {
  if (absl::StrContains(value.text, "*")) {
    return FilterValueError(row.name, value, "has a wildcard, which is not supported");
  }
  const std::optional<uint16_t> index = options.sensor_index(value.text);
  if (!index.has_value()) return FilterValueError(row.name, value, "is not a known sensor");
  return *index;
}

// The value of every type but kAddress, as FilterProgram compares it.
absl::StatusOr<uint64_t> ParseScalar(const FieldRow& row, const FilterWord& value,
                                     const FilterOptions& options) {
  switch (row.type) {
    case ValueType::kProtocol:
      if (IsDigits(value.text)) return ParseFilterNumber(row.name, value, kMax8);
      return ParseFilterName(row.name, value, kProtocols);
    case ValueType::kFamily:
      return ParseFilterName(row.name, value, kFamilies);
    case ValueType::kState:
      return ParseFilterName(row.name, value, kStates);
    case ValueType::kBoolean:
      return ParseFilterName(row.name, value, kBooleans);
    case ValueType::kSensor:
      return ParseSensor(row, value, options);
    case ValueType::kDuration: {
      const absl::StatusOr<int64_t> nanos = ParseFilterDuration(row.name, value);
      if (!nanos.ok()) return nanos.status();
      return static_cast<uint64_t>(*nanos) ^ kSignBit;
    }
    default: {
      const uint64_t max = row.field == FilterField::kSlot ? options.slot_count - 1 : row.max;
      return ParseFilterNumber(row.name, value, max);
    }
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
  if (HoldsBits(row) && restriction.op != FilterOperator::kHas &&
      restriction.op != FilterOperator::kIpIn) {
    return FilterError(restriction.op_column,
                       absl::StrCat("\"", TextOf(restriction.op), "\" cannot compare ", row.name,
                                    ", which holds several values; use :"));
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
    return FilterError(restriction.op_column, "\":\" takes only *, which asks for presence; use =");
  }
  if (!row.optional) {
    return FilterError(restriction.field.column,
                       absl::StrCat("every connection has \"", row.name, "\""));
  }
  return absl::OkStatus();
}

// `status:NAME`, `labels:NUMBER` or `labels:*`: bits among those of the field.
absl::StatusOr<FilterTest> MakeBitsTest(const FieldRow& row, const FilterRestriction& restriction) {
  const FilterWord& value = restriction.value;
  FilterTest test;
  test.field = row.field;
  FilterNetwork& bits = test.network;
  if (value.text == "*") {
    if (absl::Status status = CheckPresence(row, restriction); !status.ok()) return status;
    // Not none of all.
    bits.mask = {kMax64, kMax64};
    test.negated = true;
  } else if (row.type == ValueType::kStatus) {
    const absl::StatusOr<uint64_t> status = ParseFilterName(row.name, value, kStatusBits);
    if (!status.ok()) return status.status();
    bits.value = bits.mask = {0, *status};
  } else {
    const absl::StatusOr<uint64_t> number = ParseFilterNumber(row.name, value, row.max);
    if (!number.ok()) return number.status();
    Labels labels;
    labels.Set(static_cast<uint32_t>(*number));
    bits.value = bits.mask = {labels.high, labels.low};
  }
  return test;
}

// `mark = VALUE/MASK`.
absl::StatusOr<FilterTest> MakeMarkBitsTest(const FieldRow& row,
                                            const FilterRestriction& restriction) {
  const FilterWord& value = restriction.value;
  if (restriction.op != FilterOperator::kEqual && restriction.op != FilterOperator::kNotEqual) {
    return FilterValueError(row.name, value, "has a mask, which goes with = and != only");
  }
  const size_t slash = value.text.find('/');
  const FilterWord mask_word{value.text.substr(slash + 1), value.column + slash + 1};
  const auto bits =
      ParseFilterNumber(row.name, {value.text.substr(0, slash), value.column}, kMax32);
  if (!bits.ok()) return bits.status();
  const auto mask = ParseFilterNumber("mask", mask_word, kMax32);
  if (!mask.ok()) return mask.status();
  if ((*bits & ~*mask) != 0) return FilterValueError(row.name, value, "has bits outside its mask");
  FilterTest test;
  test.field = FilterField::kMarkBits;
  test.negated = restriction.op == FilterOperator::kNotEqual;
  test.network.value = {0, *bits};
  test.network.mask = {0, *mask};
  return test;
}

// `community_id = "1:..."`.
absl::StatusOr<FilterTest> MakeCommunityIdTest(const FieldRow& row,
                                               const FilterRestriction& restriction) {
  const std::optional<CommunityId> id = ParseCommunityId(restriction.value.text);
  if (!id.has_value()) {
    return FilterValueError(row.name, restriction.value,
                            "is no Community ID of version 1, which begins with 1: and has 30 "
                            "characters; it needs quotation marks");
  }
  LoadCommunityId();
  FilterTest test;
  test.field = row.field;
  test.negated = restriction.op == FilterOperator::kNotEqual;
  test.community_id = *id;
  return test;
}

// The name of a number, or the number.
std::string NameOrNumber(std::span<const NamedNumber> names, uint64_t number) {
  const auto named = std::find_if(names.begin(), names.end(), [&](const NamedNumber& candidate) {
    return candidate.number == number;
  });
  return named == names.end() ? absl::StrCat(number) : std::string(named->name);
}

}  // namespace

const FieldRow* FindField(absl::string_view name) {
  const auto* const row = std::find_if(std::begin(kFields), std::end(kFields),
                                       [&](const FieldRow& field) { return field.name == name; });
  return row == std::end(kFields) ? nullptr : row;
}

std::string FieldText(ValueType type, uint64_t number) {
  switch (type) {
    case ValueType::kProtocol:
      return NameOrNumber(kProtocols, number);
    case ValueType::kState:
      return NameOrNumber(kStates, number);
    case ValueType::kBoolean:
      return NameOrNumber(kBooleans, number);
    default:
      // Families are written as the numbers they are.
      return absl::StrCat(number);
  }
}

absl::StatusOr<FilterTest> MakeFilterTest(const FilterRestriction& restriction,
                                          const FilterOptions& options) {
  const FilterWord& name = restriction.field;
  const FieldRow* row = FindField(name.text);
  if (row == nullptr) {
    return FilterError(name.column, absl::StrCat("unknown field ", QuoteForMessage(name.text)));
  }
  absl::Status status = CheckUse(*row, restriction, options);
  if (!status.ok()) return status;
  if (HoldsBits(*row)) return MakeBitsTest(*row, restriction);
  if (row->field == FilterField::kMark && absl::StrContains(restriction.value.text, '/')) {
    return MakeMarkBitsTest(*row, restriction);
  }
  FilterTest test;
  test.field = row->field;
  if (restriction.op == FilterOperator::kHas) {
    status = CheckPresence(*row, restriction);
    if (!status.ok()) return status;
    return test;
  }
  if (row->type == ValueType::kAddress) {
    test.negated = restriction.op == FilterOperator::kNotEqual;
    const absl::StatusOr<FilterNetwork> network =
        ParseFilterNetwork(row->name, restriction.value, restriction.op == FilterOperator::kIpIn);
    if (!network.ok()) return network.status();
    test.network = *network;
    return test;
  }
  if (row->type == ValueType::kCommunityId) return MakeCommunityIdTest(*row, restriction);
  absl::StatusOr<uint64_t> value = ParseScalar(*row, restriction.value, options);
  if (!value.ok()) return value.status();
  SetRange(restriction.op, *value, &test);
  return test;
}

}  // namespace conntrack
