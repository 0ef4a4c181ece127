// How conntrackctl writes what it has to say.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace conntrack::cli {

enum class Format {
  kTable,
  kWide,       // A table with all columns.
  kConntrack,  // As conntrack(8) prints connections.
  kExtended,   // The same with `-o extended`.
  kJson,       // One document.
  kJsonLines,  // A document a line.
  kCsv,        // RFC 4180.
};

using Formats = std::set<Format>;

// What every verb has that shows rows, and what those have that show connections.
const Formats& RowFormats();
const Formats& ConnectionFormats();

// A format by its name in -o. InvalidArgument, with those in `known`, for any other.
absl::StatusOr<Format> ParseFormat(const std::string& text, const Formats& known);

// Their names, as -o takes them.
std::vector<std::string> FormatNames(const Formats& formats);

inline bool IsJson(Format format) {
  return format == Format::kJson || format == Format::kJsonLines;
}
// Tables are for people: they may have colours.
inline bool IsTable(Format format) { return format == Format::kTable || format == Format::kWide; }
// Of rows and columns.
inline bool IsRows(Format format) { return IsTable(format) || format == Format::kCsv; }

}  // namespace conntrack::cli
