// Scripts that have a shell complete the command lines of a program.
#pragma once

#include <string>

#include "docs/manual/command_tree.h"

namespace conntrack::cli {

// `tree` is of the whole program, which is called `program`. Options of the program are
// completed behind its verbs too.
std::string BashCompletion(const std::string& program, const manual::Command& tree);
std::string ZshCompletion(const std::string& program, const manual::Command& tree);
std::string FishCompletion(const std::string& program, const manual::Command& tree);

}  // namespace conntrack::cli
