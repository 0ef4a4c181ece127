#include "client/cli/command_line.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/names.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

const char kNotes[] =
    R"(Data goes to standard output, everything else to standard error.

Every option of every command can be given in the environment as well, as
CONNTRACKCTL_SERVER, CONNTRACKCTL_TLS_CA and so on, and in a configuration file, as
server, tls_ca and so on: "server: HOST:PORT". Flags count more than the
environment, and that more than the file: ~/.config/conntrack/ctl.yaml, then
/etc/conntrack/ctl.yaml, or the one of --config alone.)";

std::vector<Example> Examples() {
  return {
      {"conntrackctl list -p tcp -s 192.0.2.0/24 --state ESTABLISHED",
       "established connections of a network"},
      {"conntrackctl list --filter 'reply.bytes > 1000 AND original.destination_port = 80'",
       "what a filter can say"},
      {"conntrackctl list -o conntrack", "as conntrack -L prints them"},
      {"conntrackctl count --filter 'protocol = TCP AND state = SYN_SENT'", "how many there are"},
      {.command = "conntrackctl watch --snapshot -o jsonl",
       .comment = "what is open, then what changes",
       .until_interrupted = true},
      {"conntrackctl sensors", "who feeds the server, and what was lost"},
      {"conntrackctl zones set 1 tcp.established=1h connections_max=500000",
       "change settings of a zone"}};
}

// What can stand for a value of this name.
std::vector<std::string> ValuesNamed(const std::string& value_name) {
  if (value_name == "FORMAT") return FormatNames(ConnectionFormats());
  if (value_name == "PROTOCOL") return ProtocolNames();
  if (value_name == "STATE") return StateNames();
  if (value_name == "EVENT") return EventTypeNames();
  return {};
}

}  // namespace

manual::Command TreeOf(const CLI::App& app) { return manual::TreeOf(app, ValuesNamed); }

manual::ExitCodes MeaningOfExitCodes() {
  return {{kExitOk, "success, also when the reader of the output goes away"},
          {kExitFailed, "the server, the network or a file failed, or an import left some out"},
          {kExitUsage, "wrong usage, bad filters and configuration files included"},
          {kExitNotFound, "not found"}};
}

void AddCommandLine(CLI::App& app, Invocation& invocation) {
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", "conntrackctl " CONNTRACK_VERSION,
                       "Print the version and exit");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  invocation.AddOptions(app);
  AddListVerb(app, invocation);
  AddClosedVerb(app, invocation);
  AddGetVerb(app, invocation);
  AddCountVerb(app, invocation);
  AddWatchVerb(app, invocation);
  AddTopVerb(app, invocation);
  AddLookupVerb(app, invocation);
  AddExplainVerb(app, invocation);
  AddUpdateVerb(app, invocation);
  AddDeleteVerb(app, invocation);
  AddFlushVerb(app, invocation);
  AddExportVerb(app, invocation);
  AddImportVerb(app, invocation);
  AddStatsVerb(app, invocation);
  AddSensorsVerb(app, invocation);
  AddZonesVerb(app, invocation);
  AddHealthVerb(app, invocation);
  AddDrainVerb(app, invocation);
  AddCompletionVerb(app, invocation);
  AddVersionVerb(app, invocation);
  AddConntrackVerb(app, invocation);
  // After the verbs, which would inherit it.
  std::string notes = kNotes;
  notes += "\n\nExit codes:";
  for (const auto& [code, meaning] : MeaningOfExitCodes()) {
    absl::StrAppend(&notes, "\n  ", code, "  ", meaning);
  }
  invocation.SetManual(app, Examples(), notes);
}

}  // namespace conntrack::cli
