// What the program was asked to do: flags, environment and file together.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "docs/manual/command_tree.h"
#include "server/config.h"

namespace conntrack {

struct CommandLine {
  enum class Action {
    kServe,
    // Print `text` and end: --help, --version, --print-config.
    kPrint,
    // Say whether the configuration is good, and end.
    kCheckConfig,
  };

  Action action = Action::kServe;
  std::string text;
  ServerConfig config;
};

// Settings from the file, over them the environment, over that the flags.
// `arguments` without the program's name; `environment` as "NAME=value", of
// which only names that begin with CONNTRACK_SERVER_ are looked at. Those that
// Kubernetes sets for a service of that name are ignored.
//
// InvalidArgument or NotFound, with one line that names the flag, the variable
// or the place in the file.
absl::StatusOr<CommandLine> ParseCommandLine(std::span<const std::string> arguments,
                                             std::span<const std::string> environment);

// The flags, as the manual page tells of them.
manual::Command FlagTree();

}  // namespace conntrack
