// conntrackctl: questions to a conntrack-server, from a terminal or a script.
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstdlib>
#include <string>

#include "client/cli/invocation.h"
#include "client/cli/verbs.h"

namespace {

const char kFooter[] = R"(
Examples:
  conntrackctl list -p tcp -s 10.0.0.0/8 --state ESTABLISHED
  conntrackctl list --filter 'age > 3600s AND (original.bytes > 1000000 OR reply.bytes > 1000000)'
  conntrackctl list -o conntrack                 as `conntrack -L` prints it
  conntrackctl get -p tcp -s 10.0.0.1 --sport 1234 -d 10.0.0.2 --dport 80
  conntrackctl count --filter 'protocol = TCP AND state = SYN_SENT'
  conntrackctl watch -p udp --dport 53           until interrupted
  conntrackctl watch --snapshot -o jsonl         what is open, then what changes
  conntrackctl sensors                           who feeds the server, and what was lost
  conntrackctl zones set 0 tcp.established=1h connections_max=500000

Data goes to standard output, everything else to standard error.

Exit codes: 0 success; 1 the server or the network failed; 2 wrong usage, bad
filters included; 3 not found.

Every option of every command can be given in the environment as well:
CONNTRACKCTL_SERVER, CONNTRACKCTL_TLS_CA and so on.
)";

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away is seen by the write instead.
  std::signal(SIGPIPE, SIG_IGN);
  // Failures are told in a sentence; gRPC's own log would repeat them.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);

  CLI::App app("Asks a conntrack-server about the connections it tracks.", "conntrackctl");
  conntrack::cli::Invocation invocation(STDOUT_FILENO);
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", "conntrackctl " CONNTRACK_VERSION,
                       "Print the version and exit");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  invocation.AddOptions(app);
  conntrack::cli::AddListVerb(app, invocation);
  conntrack::cli::AddGetVerb(app, invocation);
  conntrack::cli::AddCountVerb(app, invocation);
  conntrack::cli::AddWatchVerb(app, invocation);
  conntrack::cli::AddStatsVerb(app, invocation);
  conntrack::cli::AddSensorsVerb(app, invocation);
  conntrack::cli::AddZonesVerb(app, invocation);
  conntrack::cli::AddHealthVerb(app, invocation);
  conntrack::cli::AddDrainVerb(app, invocation);
  conntrack::cli::AddVersionVerb(app, invocation);
  // After the verbs, which would inherit it.
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    conntrack::cli::Invocation::Say(error.what());
    return conntrack::cli::kExitUsage;
  }
  return invocation.Run();
}
