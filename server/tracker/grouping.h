// Grouping says what a count groups connections by: fields of the filter
// language, addresses cut to a prefix. docs/filter.md is the reference.
//
//   original.destination/24    the IPv4 networks /24 and the IPv6 networks /24
//   original.destination/24/64 the IPv4 networks /24 and the IPv6 networks /64
//
// Immutable and thread-safe. ReadKey costs some nanoseconds a field.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/tracker/connection.h"
#include "server/tracker/filter_fields.h"

namespace conntrack {

// Most fields of a grouping.
inline constexpr size_t kGroupFieldsMax = 4;

// The values of a group, as numbers: a word that says which there are and of
// which family, then one word for each field, two for an address.
inline constexpr size_t kGroupWordsMax = 1 + 2 * kGroupFieldsMax;
using GroupKey = std::array<uint64_t, kGroupWordsMax>;

class Grouping {
 public:
  // InvalidArgument, naming the field, when there are too many, or one is unknown,
  // stands twice, or cannot be grouped by.
  //
  // REQUIRES: slot_count > 0.
  static absl::StatusOr<Grouping> Compile(std::span<const std::string> fields, uint32_t slot_count);

  size_t fields() const { return columns_.size(); }
  // The name of a field, without prefix lengths.
  absl::string_view FieldName(size_t number) const { return columns_[number].row->name; }
  // InvalidArgument, naming the field, when one changes in the life of a connection.
  absl::Status CheckFixed() const;
  // How many words of a key are used.
  size_t words() const { return words_; }

  // Writes the first words() words of the connection's key.
  void ReadKey(const ConnectionRef& connection, uint64_t* key) const;

  // The values as a filter takes them, a network with its prefix; empty where the
  // connections do not have the field. `sensor_id` names a sensor.
  std::vector<std::string> Text(const uint64_t* key,
                                const std::function<std::string(uint16_t)>& sensor_id) const;

 private:
  struct Column {
    const FieldRow* row = nullptr;
    // Of addresses, by family.
    uint64_t ipv4_length = 32;
    uint64_t ipv6_length = 128;
    Address ipv4_mask;
    Address ipv6_mask;
  };

  static absl::StatusOr<Column> MakeColumn(absl::string_view text);

  uint32_t slot_count_ = 1;
  size_t words_ = 1;
  std::vector<Column> columns_;
};

}  // namespace conntrack
