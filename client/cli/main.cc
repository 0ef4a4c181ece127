// conntrackctl: questions to a conntrack-server, from a terminal or a script.
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/invocation.h"

int main(int argc, char** argv) {
  // A reader that goes away is seen by the write instead.
  std::signal(SIGPIPE, SIG_IGN);
  // Failures are told in a sentence; gRPC's own log would repeat them.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);

  CLI::App app(conntrack::cli::kDescription, conntrack::cli::kProgram);
  conntrack::cli::Invocation invocation(STDOUT_FILENO);
  conntrack::cli::AddCommandLine(app, invocation);
  std::vector<char*> words(argv, argv + argc);
  char verb[] = "conntrack";
  // In place of conntrack(8), by a link of its name.
  if (std::filesystem::path(argv[0]).filename() == verb) words.insert(words.begin() + 1, verb);
  try {
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    conntrack::cli::Invocation::Say(error.what());
    return conntrack::cli::kExitUsage;
  }
  return invocation.Run();
}
