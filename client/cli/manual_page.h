// Manual pages in the language of man(7), made from the command line itself.
#pragma once

#include <string>

#include "client/cli/command_tree.h"
#include "client/cli/manual.h"

namespace conntrack::cli {

// What all pages of a program say alike.
struct PageFrame {
  std::string program;
  std::string version;
  // "2026-01-31".
  std::string date;
  // The name of the manual: stands above each page.
  std::string title;
};

// "conntrackctl-zones-set" for the verb `zones set`.
std::string PageName(const PageFrame& frame, const Command& command);

// The page of a command in section 1. `tree` is of the whole program: it has the options of
// every command.
//
// Each example is a block of .EX and .EE; ahead of it stands a comment of roff, `exit N`
// or `until interrupted`, where that is not an end with 0.
std::string ManualPage(const PageFrame& frame, const Command& tree, const Command& command,
                       const Manual& manual);

}  // namespace conntrack::cli
