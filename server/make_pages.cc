// Writes conntrack-server(8) and conntrack-server.yaml(5) below a directory, which has man8
// and man5:
//
//   make-conntrack-server-pages DIRECTORY DATE
#include <cstdio>
#include <cstdlib>
#include <string>

#include "docs/manual/manual_page.h"
#include "server/command_line.h"
#include "server/manual.h"
#include "server/version.h"

namespace conntrack {
namespace {

constexpr char kConfigFile[] = "/etc/conntrack/server.yaml";

manual::PageFrame FrameOf(const std::string& program, int section, const std::string& date) {
  manual::PageFrame frame;
  frame.program = program;
  frame.version = Version();
  frame.date = date;
  frame.section = section;
  return frame;
}

bool WriteProgram(const std::string& directory, const std::string& date) {
  manual::PageFrame frame = FrameOf("conntrack-server", 8, date);
  frame.exit_codes = ServerExitCodes();
  frame.files = {{kConfigFile, "the configuration that the service is started with"}};
  frame.related = {"conntrack-server.yaml(5)", "conntrack-sensor(8)", "conntrackctl(1)"};
  const manual::Command tree = FlagTree();
  return manual::WritePage(directory, frame, tree,
                           manual::ManualPage(frame, tree, tree, ServerManual()));
}

bool WriteConfig(const std::string& directory, const std::string& date) {
  manual::PageFrame frame = FrameOf("conntrack-server.yaml", 5, date);
  frame.synopsis = kConfigFile;
  frame.related = {"conntrack-server(8)"};
  const manual::Command tree = ConfigTree();
  return manual::WritePage(directory, frame, tree,
                           manual::ManualPage(frame, tree, tree, ConfigManual()));
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make-conntrack-server-pages DIRECTORY DATE\n");
    return EXIT_FAILURE;
  }
  const bool written =
      conntrack::WriteProgram(argv[1], argv[2]) && conntrack::WriteConfig(argv[1], argv[2]);
  return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
