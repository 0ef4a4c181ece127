// Connections as commands of conntrack(8), its `-o save`: what -R reads again.
#pragma once

#include <string>

#include "client/cli/format_conntrack.h"
#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

// "-A …", or what else `command` says, without its end.
std::string ConntrackSaveLine(const v1::Connection& connection, char command,
                              const ConntrackParts& parts);

// -A, -U or -D, for an event.
std::string ConntrackSaveLine(const v1::Event& event);

}  // namespace conntrack::cli
