// Manual pages in the language of man(7), made from command lines and tables of settings
// themselves.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "docs/manual/command_tree.h"
#include "docs/manual/manual.h"

namespace conntrack::manual {

// What all pages of a program say alike.
struct PageFrame {
  // The program, or the file that a page of section 5 is about.
  std::string program;
  std::string version;
  // "2026-01-31".
  std::string date;
  // 1 for what everybody runs, 5 for files, 8 for what the administrator runs.
  int section = 1;
  // In place of what is made of the options; empty for that.
  std::string synopsis;
  // Empty for what is none.
  ExitCodes exit_codes;
  // Path and what it is, a phrase without a full stop.
  std::vector<std::pair<std::string, std::string>> files;
  // Pages of other programs to see, "systemctl(1)".
  std::vector<std::string> related;
};

// "conntrackctl-zones-set" for the verb `zones set`.
std::string PageName(const PageFrame& frame, const Command& command);

// The page of a command. `tree` is of the whole program: it has the options of every
// command.
//
// Each example is a block of .EX and .EE; ahead of it stands a comment of roff, `exit N`
// or `until interrupted`, where that is not an end with 0.
std::string ManualPage(const PageFrame& frame, const Command& tree, const Command& command,
                       const Manual& manual);

// Writes a page to DIRECTORY/man8/NAME.8, or as its section is; the directory is there.
// Complains on standard error and returns false when it cannot.
bool WritePage(const std::string& directory, const PageFrame& frame, const Command& command,
               const std::string& page);

}  // namespace conntrack::manual
