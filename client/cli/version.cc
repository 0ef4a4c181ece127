// conntrackctl version: what this program is; it asks no server.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/cli/answer.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {

void AddVersionVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb =
      invocation.AddVerb(app, "version", "Show the version of this program", [&invocation] {
        PrintWord(invocation, "version", "conntrackctl " CONNTRACK_VERSION);
        return absl::OkStatus();
      });
  invocation.SetManual(*verb, {{"conntrackctl version", "name and version"}});
}

}  // namespace conntrack::cli
