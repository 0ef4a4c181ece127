// The common filters as flags, and the filter text they stand for.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace conntrack::cli {

// As they were typed; empty or absent means any.
struct FilterFlags {
  std::string filter;
  std::string protocol;
  std::string source;
  std::string destination;
  std::optional<uint16_t> source_port;
  std::optional<uint16_t> destination_port;
  std::string state;
  std::optional<uint32_t> zone;
  bool assured = false;
  bool unreplied = false;
};

// Adds the flags to `app`; it keeps references into `flags`.
void AddFilterFlags(CLI::App& app, FilterFlags* flags);

// The same for a verb that changes what matches, with `--all` and `--dry-run`.
void AddWriteFilterFlags(CLI::App& app, FilterFlags* flags, bool* all, bool* dry_run);

// Adds `--input-file`: asks a saved export, and no server.
CLI::Option* AddInputFile(CLI::App& app, std::string* path);

// The AIP-160 filter of all flags together; empty when there are none.
// InvalidArgument when a value means nothing.
absl::StatusOr<std::string> FilterText(const FilterFlags& flags);

}  // namespace conntrack::cli
