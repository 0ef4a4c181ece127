// conntrackctl conntrack: takes the command lines of conntrack(8).
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/conntrack/commands.h"
#include "client/cli/conntrack/tell.h"
#include "client/cli/conntrack/usage.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

absl::StatusOr<int> Run(Invocation& invocation, const ConntrackOptions& options) {
  switch (options.table) {
    case ConntrackTable::kConntrack:
      break;
    case ConntrackTable::kExpect:
      return absl::FailedPreconditionError(
          "a server that only watches has no helpers, so it expects no connections");
    case ConntrackTable::kDying:
    case ConntrackTable::kUnconfirmed:
      return absl::FailedPreconditionError(
          "a server that only watches holds no packets, so no connection is dying or unconfirmed");
  }
  switch (options.command) {
    case Command::kList:
      return RunList(invocation, options);
    case Command::kGet:
      return RunGet(invocation, options);
    case Command::kDelete:
      return RunDelete(invocation, options);
    case Command::kCreate:
    case Command::kAdd:
      return RunCreate(invocation, options);
    case Command::kUpdate:
      return RunUpdate(invocation, options);
    case Command::kEvents:
      return RunEvents(invocation, options);
    case Command::kFlush:
      return RunFlush(invocation, options);
    case Command::kCount:
      return RunCount(invocation);
    case Command::kStats:
      return RunStats(invocation);
    case Command::kLoad:
      return RunLoad(invocation, options.file);
    case Command::kVersion:
      invocation.output().Write(ConntrackName() + "\n");
      return 0;
    case Command::kHelp:
    case Command::kNone:
      invocation.output().Write(ConntrackUsage());
      return 0;
  }
  return 0;
}

}  // namespace

int RunConntrack(Invocation& invocation, const ConntrackOptions& options) {
  const absl::StatusOr<int> code = Run(invocation, options);
  if (code.ok()) return *code;
  Tell(absl::StrCat("Operation failed: ", invocation.Sentence(code.status())));
  return 1;
}

void AddConntrackVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = invocation.AddVerb(
      app, "conntrack", "Take the command lines of conntrack(8)",
      [&app, &invocation] {
        const auto options = ParseConntrackOptions(app.get_subcommand("conntrack")->remaining());
        invocation.set_exit_code(options.ok() ? RunConntrack(invocation, *options)
                                              : TellUsage(options.status()));
        return absl::OkStatus();
      },
      // Its formats are its own: whatever the environment asks of other verbs will do.
      ConnectionFormats());
  invocation.SetManual(
      *verb,
      {{"conntrackctl conntrack -L -p tcp --state TIME_WAIT -o extended",
        "as conntrack(8) does it"},
       {"conntrackctl conntrack -C", "how many there are"},
       {.command = "conntrackctl conntrack -E -e NEW,DESTROY",
        .comment = "what begins and ends",
        .until_interrupted = true}},
      "All words behind the verb are conntrack(8)'s, as conntrack-tools 1.4.7 has them;\n"
      "-h among them lists them. A link to this program that is called conntrack needs\n"
      "no verb.");
  // All words are conntrack(8)'s, -o and --timeout too.
  verb->fallthrough(false);
  verb->prefix_command();
  verb->set_help_flag();
}

}  // namespace conntrack::cli
