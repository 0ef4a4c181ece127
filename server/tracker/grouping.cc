#include "server/tracker/grouping.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/tracker/address_text.h"
#include "server/tracker/check.h"
#include "server/tracker/filter_lexer.h"
#include "server/tracker/filter_values.h"

namespace conntrack {
namespace {

// What the first word of a key says of a field, in two bits.
enum Presence : uint64_t { kAbsent = 0, kPresent = 1, kPresentIpv6 = 2 };

absl::Status Refuse(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("group_by ", QuoteForMessage(text), " ", why));
}

absl::Status CheckField(absl::string_view text, const FieldRow* row) {
  if (row == nullptr) return Refuse(text, "is not a field of the filter language");
  if (row->field == FilterField::kAddress || row->field == FilterField::kPort) {
    return Refuse(text, "stands for two values; name the end, as in original.source");
  }
  if (HoldsBits(*row)) return Refuse(text, "holds several values");
  if (row->type == ValueType::kDuration) return Refuse(text, "changes all the time");
  if (row->type == ValueType::kCommunityId) return Refuse(text, "is one for each connection");
  return absl::OkStatus();
}

std::optional<uint64_t> ReadLength(absl::string_view text, uint64_t max) {
  uint64_t length = 0;
  if (!IsDigits(text) || !absl::SimpleAtoi(text, &length) || length > max) return std::nullopt;
  return length;
}

Address Masked(const Address& address, const Address& mask) {
  return {address.high & mask.high, address.low & mask.low};
}

std::string NetworkText(Family family, const Address& address, uint64_t length) {
  const uint64_t whole = family == Family::kIpv4 ? 32 : 128;
  const std::string text = FormatAddress(family, address);
  return length >= whole ? text : absl::StrCat(text, "/", length);
}

}  // namespace

absl::StatusOr<Grouping::Column> Grouping::MakeColumn(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  Column column;
  column.row = FindField(parts[0]);
  if (absl::Status status = CheckField(text, column.row); !status.ok()) return status;
  if (parts.size() > 1 && column.row->type != ValueType::kAddress) {
    return Refuse(text, "has a prefix length, which only addresses have");
  }
  if (parts.size() > 3) return Refuse(text, "has more than two prefix lengths");
  if (parts.size() > 1) {
    // One length is for both families.
    const auto ipv4 = ReadLength(parts[1], parts.size() == 2 ? 128 : 32);
    const auto ipv6 = ReadLength(parts.back(), 128);
    if (!ipv4.has_value() || !ipv6.has_value()) {
      return Refuse(text, parts.size() == 2
                              ? "has a prefix length that is not 0 to 128"
                              : "has prefix lengths that are not 0 to 32 and 0 to 128");
    }
    column.ipv4_length = std::min<uint64_t>(*ipv4, 32);
    column.ipv6_length = *ipv6;
  }
  column.ipv4_mask = PrefixMask(Family::kIpv4, column.ipv4_length);
  column.ipv6_mask = PrefixMask(Family::kIpv6, column.ipv6_length);
  return column;
}

absl::StatusOr<Grouping> Grouping::Compile(std::span<const std::string> fields,
                                           uint32_t slot_count) {
  CT_CHECK(slot_count > 0);
  if (fields.size() > kGroupFieldsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("group_by has ", fields.size(), " fields, more than ", kGroupFieldsMax));
  }
  Grouping grouping;
  grouping.slot_count_ = slot_count;
  for (const std::string& field : fields) {
    absl::StatusOr<Column> column = MakeColumn(field);
    if (!column.ok()) return column.status();
    for (const Column& earlier : grouping.columns_) {
      if (earlier.row == column->row) return Refuse(field, "stands twice");
    }
    grouping.words_ += column->row->type == ValueType::kAddress ? 2 : 1;
    grouping.columns_.push_back(*column);
  }
  return grouping;
}

absl::Status Grouping::CheckFixed() const {
  for (const Column& column : columns_) {
    if (!IsFixed(column.row->field)) {
      return Refuse(column.row->name, "changes in the life of a connection");
    }
  }
  return absl::OkStatus();
}

void Grouping::ReadKey(const ConnectionRef& connection, uint64_t* key) const {
  uint64_t presence = 0;
  uint64_t* word = key + 1;
  for (const Column& column : columns_) {
    presence <<= 2;
    if (column.row->type == ValueType::kAddress) {
      const bool ipv6 = connection.family() == Family::kIpv6;
      const Address network = Masked(AddressIn(column.row->field, connection),
                                     ipv6 ? column.ipv6_mask : column.ipv4_mask);
      presence |= ipv6 ? kPresentIpv6 : kPresent;
      *word++ = network.high;
      *word++ = network.low;
      continue;
    }
    // No grouping asks for a field that depends on the time.
    const std::optional<uint64_t> number =
        NumberIn(column.row->field, connection, slot_count_, [] { return kNeverYet; });
    presence |= number.has_value() ? kPresent : kAbsent;
    *word++ = number.value_or(0);
  }
  key[0] = presence;
}

std::vector<std::string> Grouping::Text(
    const uint64_t* key, const std::function<std::string(uint16_t)>& sensor_id) const {
  std::vector<std::string> texts;
  const uint64_t* word = key + 1;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    const uint64_t presence = key[0] >> (2 * (columns_.size() - 1 - i)) & 3;
    if (column.row->type == ValueType::kAddress) {
      const bool ipv6 = presence == kPresentIpv6;
      texts.push_back(NetworkText(ipv6 ? Family::kIpv6 : Family::kIpv4, {word[0], word[1]},
                                  ipv6 ? column.ipv6_length : column.ipv4_length));
      word += 2;
      continue;
    }
    if (presence == kAbsent) {
      texts.emplace_back();
    } else if (column.row->type == ValueType::kSensor) {
      texts.push_back(sensor_id(static_cast<uint16_t>(*word)));
    } else {
      texts.push_back(FieldText(column.row->type, *word));
    }
    ++word;
  }
  return texts;
}

}  // namespace conntrack
