#include "server/convert_columns.h"

namespace conntrack {

std::optional<BatchError> CheckLengths(std::initializer_list<ColumnLength> columns) {
  for (const ColumnLength& column : columns) {
    if (column.size == column.wanted) continue;
    return Reject(v1::BATCH_REJECTION_COLUMN_LENGTH, "column ", column.name, " has ", column.size,
                  " elements, not ", column.wanted);
  }
  return std::nullopt;
}

}  // namespace conntrack
