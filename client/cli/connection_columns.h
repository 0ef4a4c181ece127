// A connection as a row: what a table, a wide table and CSV show of it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/format_table.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack::cli {

// The columns of a table of connections, and the row of one. The names of CSV are
// those of the filter language, with "_" for ".", and stay as they are.
//
// REQUIRES: a format of rows.
std::vector<Table::Column> ConnectionColumns(Format format);
std::vector<std::string> ConnectionRow(Format format, const v1::Connection& connection);

// "192.0.2.1:80", "[2001:db8::1]:80", or the address alone.
std::string SourceText(const v1::Tuple& tuple);
std::string DestinationText(const v1::Tuple& tuple);

// "assured", "unreplied", or nothing.
std::string FlagsText(const v1::Connection& connection);

}  // namespace conntrack::cli
