// Writes the manual pages of conntrackctl into a directory:
//
//   make-conntrackctl-pages DIRECTORY DATE
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <fstream>

#include "client/cli/command_line.h"
#include "client/cli/invocation.h"
#include "client/cli/manual_page.h"

namespace conntrack::cli {
namespace {

class Writer {
 public:
  Writer(const Invocation& invocation, const Command& tree, const PageFrame& frame,
         const std::string& directory)
      : invocation_(invocation), tree_(tree), frame_(frame), directory_(directory) {}

  // The page of the command and those of its verbs; false when one cannot be written.
  bool Write(const Command& command) const {
    const std::string path = directory_ + "/" + PageName(frame_, command) + ".1";
    std::ofstream file(path, std::ios::binary);
    file << ManualPage(frame_, tree_, command, invocation_.ManualOf(*command.app));
    file.close();
    if (!file) {
      std::fprintf(stderr, "make-conntrackctl-pages: cannot write %s\n", path.c_str());
      return false;
    }
    for (const Command& verb : command.commands) {
      if (!Write(verb)) return false;
    }
    return true;
  }

 private:
  const Invocation& invocation_;
  const Command& tree_;
  const PageFrame& frame_;
  const std::string directory_;
};

int Main(const std::string& directory, const std::string& date) {
  CLI::App app(kDescription, kProgram);
  Invocation invocation(STDOUT_FILENO);
  AddCommandLine(app, invocation);
  const Command tree = TreeOf(app);
  const PageFrame frame = {kProgram, CONNTRACK_VERSION, date, "Conntrack Service"};
  return Writer(invocation, tree, frame, directory).Write(tree) ? kExitOk : kExitFailed;
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
