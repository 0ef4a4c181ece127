// What the help and the manual page of a command say besides its options.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace conntrack::manual {

// A command that does something useful with a server at the default address and
// nothing else: every one is run by a test, in order, in one empty directory and
// against one server into whose zone 1 tests/traffic/tour.pcap was replayed.
struct Example {
  // As it is typed into a shell; several lines are several commands.
  std::string command;
  // What it shows, a phrase without a full stop.
  std::string comment;
  // What it exits with.
  int exit_code = 0;
  // It goes on until it is interrupted.
  bool until_interrupted = false;
};

struct Manual {
  // Paragraphs that stand below the options, with an empty line between them.
  // Lines of at most 79 characters; a line that begins with a space stays as it is.
  std::string notes;
  std::vector<Example> examples;
};

// What a program's process returns, and what it means: phrases without a full stop.
using ExitCodes = std::vector<std::pair<int, std::string>>;

// The part of a --help below the options; ends with a line break.
std::string HelpFooter(const Manual& manual, const std::string& last_line);

}  // namespace conntrack::manual
