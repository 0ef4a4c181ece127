// What the help and the manual pages of the server say besides flags and settings.
#pragma once

#include "docs/manual/command_tree.h"
#include "docs/manual/manual.h"

namespace conntrack {

// Of conntrack-server(8), and of --help.
manual::Manual ServerManual();
manual::ExitCodes ServerExitCodes();

// Of conntrack-server.yaml(5).
manual::Manual ConfigManual();
// The settings of the file, "tls.cert" for cert below tls.
manual::Command ConfigTree();

}  // namespace conntrack
