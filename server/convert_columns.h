// What the readers of a batch's columns share: how a batch is rejected, the
// lengths of columns, and addresses in them.
//
// Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "conntrack/v1/packet_batch.pb.h"
#include "server/tracker/packet.h"

namespace conntrack {

// Why a batch is rejected; `detail` names the column, the index and the value.
struct BatchError {
  v1::BatchRejection reason = v1::BATCH_REJECTION_UNSPECIFIED;
  std::string detail;
};

template <typename... Parts>
std::optional<BatchError> Reject(v1::BatchRejection reason, const Parts&... parts) {
  return BatchError{reason, absl::StrCat(parts...)};
}

inline constexpr size_t kIpv6Bytes = 16;

// How long a column is, and should be.
struct ColumnLength {
  const char* name;
  size_t size;
  size_t wanted;
};

// Of a column of numbers or of bytes.
template <typename Column>
ColumnLength LengthOf(const char* name, const Column& column, size_t wanted) {
  return {name, static_cast<size_t>(column.size()), wanted};
}

// COLUMN_LENGTH for the first that is not as long as it should be.
std::optional<BatchError> CheckLengths(std::initializer_list<ColumnLength> columns);

// The address whose 16 bytes begin at `bytes`.
inline Address LoadIpv6(const char* bytes) {
  uint64_t halves[2];
  std::memcpy(halves, bytes, sizeof(halves));
  return {__builtin_bswap64(halves[0]), __builtin_bswap64(halves[1])};
}

}  // namespace conntrack
