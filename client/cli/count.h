// The groups of a count as people read them.
#pragma once

#include <string>
#include <vector>

#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {

// A row for each group under the fields of `group_by`, "-" for a field that its
// connections do not have, and one for the others, with how many groups those are.
std::string GroupsTable(const std::vector<std::string>& group_by,
                        const v1::CountConnectionsResponse& response);

}  // namespace conntrack::cli
