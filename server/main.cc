// conntrack-server: reads the command line, starts a Server, reloads its
// configuration at SIGHUP, and ends it when a signal or a client asks for it.
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
#include "absl/strings/str_join.h"
#include "server/command_line.h"
#include "server/credentials.h"
#include "server/log.h"
#include "server/server.h"
#include "server/supervisor.h"
#include "server/version.h"

namespace conntrack {
namespace {

using Texts = std::vector<std::string>;

// What the process was started with, to be read again at SIGHUP.
struct Origin {
  Texts arguments;
  Texts environment;
};

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "conntrack-server: %s\n", std::string(status.message()).c_str());
  return EXIT_FAILURE;
}

// Every outcome is said in the log; a configuration that is wrong changes
// nothing.
void Reload(const Origin& origin, Server* server) {
  const absl::StatusOr<CommandLine> command =
      ParseCommandLine(origin.arguments, origin.environment);
  if (!command.ok()) {
    spdlog::error("reload: {}; nothing was changed", std::string(command.status().message()));
    return;
  }
  const absl::StatusOr<ConfigChanges> changes = server->Reload(command->config);
  if (!changes.ok()) {
    spdlog::error("reload: {}; nothing was changed", std::string(changes.status().message()));
    return;
  }
  if (changes->empty()) spdlog::info("reload: nothing is different");
  if (!changes->applied.empty()) {
    spdlog::info("reload: changed {}", absl::StrJoin(changes->applied, ", "));
  }
  if (!changes->need_restart.empty()) {
    spdlog::warn("reload: only a restart changes {}", absl::StrJoin(changes->need_restart, ", "));
  }
}

// SIGHUP reloads. The first signal to end drains, the second ends the process
// at once.
void HandleSignals(const Origin& origin, Server* server) {
  const sigset_t signals = HandledSignals();
  bool draining = false;
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGHUP) {
      NotifySupervisor("RELOADING=1");
      Reload(origin, server);
      NotifySupervisor("READY=1");
    } else if (draining) {
      _exit(128 + signal);
    } else {
      draining = true;
      spdlog::info("signal {}: draining; a second one ends at once", signal);
      server->RequestDrain();
    }
  }
}

std::string DescribeMetrics(const ServerConfig& config, const Server& server) {
  if (config.metrics_listen.empty()) return "no metrics";
  const size_t colon = config.metrics_listen.rfind(':');
  return absl::StrCat("metrics on http://", config.metrics_listen.substr(0, colon), ":",
                      server.metrics_port(), "/metrics");
}

int Serve(const ServerConfig& config, const Origin& origin) {
  // Before any thread exists, so that all inherit it and one thread waits.
  const sigset_t signals = HandledSignals();
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
  std::thread(HandleSignals, origin, server->get()).detach();
  NotifySupervisor("READY=1");
  (*server)->WaitForDrainRequest();
  NotifySupervisor("STOPPING=1");
  (*server)->Drain();
  spdlog::info("drained");
  return EXIT_SUCCESS;
}

int Main(const Origin& origin) {
  const absl::StatusOr<CommandLine> command =
      ParseCommandLine(origin.arguments, origin.environment);
  if (!command.ok()) return Fail(command.status());
  if (command->action == CommandLine::Action::kPrint) {
    std::fputs(command->text.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  if (command->action == CommandLine::Action::kServe) return Serve(command->config, origin);
  const auto credentials = MakeServerCredentials(command->config);
  if (!credentials.ok()) return Fail(credentials.status());
  std::fputs("configuration is good\n", stdout);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) {
  conntrack::Origin origin;
  origin.arguments.assign(argv + 1, argv + argc);
  for (char** entry = environ; *entry != nullptr; ++entry) origin.environment.emplace_back(*entry);
  return conntrack::Main(origin);
}
