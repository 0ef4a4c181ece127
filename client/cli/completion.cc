// conntrackctl completion: a script that has a shell complete its command lines.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <memory>

#include "client/cli/command_line.h"
#include "client/cli/completion_scripts.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {

void AddCompletionVerb(CLI::App& app, Invocation& invocation) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = invocation.AddVerb(
      app, "completion", "Print a script that completes this program's command lines",
      [&app, &invocation, shell] {
        const manual::Command tree = TreeOf(app);
        invocation.output().Write(*shell == "bash"  ? BashCompletion(kProgram, tree)
                                  : *shell == "zsh" ? ZshCompletion(kProgram, tree)
                                                    : FishCompletion(kProgram, tree));
        return absl::OkStatus();
      });
  verb->add_option("SHELL", *shell, "Which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  invocation.SetManual(
      *verb,
      {{"source <(conntrackctl completion bash); complete -p conntrackctl",
        "for this bash, from now on"},
       {"conntrackctl completion zsh", "a file _conntrackctl of a directory in fpath"},
       {"conntrackctl completion fish", "a file conntrackctl.fish of ~/.config/fish/completions"}},
      "The Debian package installs all three. The names of verbs, options, formats,\n"
      "protocols and states are completed, and files where there are some; no server is\n"
      "asked.");
}

}  // namespace conntrack::cli
