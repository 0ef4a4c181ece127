#include "server/convert_columns.h"

#include <cstring>

namespace conntrack {

std::optional<BatchError> CheckLengths(std::initializer_list<ColumnLength> columns) {
  for (const ColumnLength& column : columns) {
    if (column.size == column.wanted) continue;
    return Reject(v1::BATCH_REJECTION_COLUMN_LENGTH, "column ", column.name, " has ", column.size,
                  " elements, not ", column.wanted);
  }
  return std::nullopt;
}

Address LoadIpv6(const std::string& column, size_t i) {
  uint64_t high = 0;
  uint64_t low = 0;
  std::memcpy(&high, column.data() + i * kIpv6Bytes, sizeof(high));
  std::memcpy(&low, column.data() + i * kIpv6Bytes + sizeof(high), sizeof(low));
  return {__builtin_bswap64(high), __builtin_bswap64(low)};
}

}  // namespace conntrack
