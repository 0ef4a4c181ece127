// conntrack-server: reads the command line, starts a Server, and ends it when
// a signal or a client asks for it.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/command_line.h"
#include "server/credentials.h"
#include "server/log.h"
#include "server/server.h"
#include "server/version.h"

namespace conntrack {
namespace {

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "conntrack-server: %s\n", std::string(status.message()).c_str());
  return EXIT_FAILURE;
}

// The first signal drains, the second ends the process at once.
void HandleSignals(Server* server) {
  const sigset_t signals = EndSignals();
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("signal {}: draining; a second one ends at once", signal);
  server->RequestDrain();
  sigwait(&signals, &signal);
  _exit(128 + signal);
}

std::string DescribeMetrics(const ServerConfig& config, const Server& server) {
  if (config.metrics_listen.empty()) return "no metrics";
  const size_t colon = config.metrics_listen.rfind(':');
  return absl::StrCat("metrics on http://", config.metrics_listen.substr(0, colon), ":",
                      server.metrics_port(), "/metrics");
}

int Serve(const ServerConfig& config) {
  // Before any thread exists, so that all inherit it and one thread waits.
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  StartLog(config.log);
  const absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config);
  if (!server.ok()) return Fail(server.status());
  const std::string address =
      (*server)->port() == 0
          ? config.listen
          : absl::StrCat(config.listen.substr(0, config.listen.rfind(':')), ":", (*server)->port());
  spdlog::info("{} serves gRPC on {} ({}), {}", Software(), address,
               config.tls.enabled() ? "TLS" : "no TLS", DescribeMetrics(config, **server));
  // It ends with the process.
  std::thread(HandleSignals, server->get()).detach();
  (*server)->WaitForDrainRequest();
  (*server)->Drain();
  spdlog::info("drained");
  return EXIT_SUCCESS;
}

int Main(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const absl::StatusOr<CommandLine> command = ParseCommandLine(arguments, environment);
  if (!command.ok()) return Fail(command.status());
  if (command->action == CommandLine::Action::kPrint) {
    std::fputs(command->text.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  if (command->action == CommandLine::Action::kServe) return Serve(command->config);
  const auto credentials = MakeServerCredentials(command->config);
  if (!credentials.ok()) return Fail(credentials.status());
  std::fputs("configuration is good\n", stdout);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return conntrack::Main(std::vector<std::string>(argv + 1, argv + argc), environment);
}
