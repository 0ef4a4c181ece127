// Writes the manual pages of conntrackctl below a directory, which has man1:
//
//   make-conntrackctl-pages DIRECTORY DATE
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>

#include "client/cli/command_line.h"
#include "client/cli/invocation.h"
#include "docs/manual/manual_page.h"

namespace conntrack::cli {
namespace {

// The page of the command and those of its verbs; false when one cannot be written.
bool Write(const std::string& directory, const Invocation& invocation,
           const manual::PageFrame& frame, const manual::Command& tree,
           const manual::Command& command) {
  const std::string page =
      manual::ManualPage(frame, tree, command, invocation.ManualOf(*command.app));
  if (!manual::WritePage(directory, frame, command, page)) return false;
  for (const manual::Command& verb : command.commands) {
    if (!Write(directory, invocation, frame, tree, verb)) return false;
  }
  return true;
}

int Main(const std::string& directory, const std::string& date) {
  CLI::App app(kDescription, kProgram);
  Invocation invocation(STDOUT_FILENO);
  AddCommandLine(app, invocation);
  manual::PageFrame frame;
  frame.program = kProgram;
  frame.version = CONNTRACK_VERSION;
  frame.date = date;
  frame.exit_codes = MeaningOfExitCodes();
  const manual::Command tree = TreeOf(app);
  return Write(directory, invocation, frame, tree, tree) ? kExitOk : kExitFailed;
}

}  // namespace
}  // namespace conntrack::cli

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make-conntrackctl-pages DIRECTORY DATE\n");
    return conntrack::cli::kExitUsage;
  }
  return conntrack::cli::Main(argv[1], argv[2]);
}
