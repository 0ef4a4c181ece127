// A count and its groups as rows.
#pragma once

#include <string>
#include <vector>

#include "client/cli/format_table.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {

// The columns of a count by these fields; without fields, of a bare count.
std::vector<Table::Column> CountColumns(const std::vector<std::string>& group_by);

// Adds a row for each group under the fields of `group_by`, "-" for a field that its
// connections do not have, and one for the others, with how many groups those are.
void AddCounts(const std::vector<std::string>& group_by,
               const v1::CountConnectionsResponse& response, Table* table);

}  // namespace conntrack::cli
