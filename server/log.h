// The server's log: spdlog to standard error, as text or as one JSON object a
// line. Used by server.cc and main.cc; the core does not log.
#pragma once

#include "server/config.h"

namespace conntrack {

// Makes spdlog's default logger what `config` says, and sends gRPC's own log
// there: its errors at debug, because the server says in one line of its own
// what could not be done. GRPC_VERBOSITY in the environment leaves gRPC's log
// as it is. Call once, before threads start.
void StartLog(const LogConfig& config);

// Changes level and format of that log. Any thread may log meanwhile.
void ChangeLog(const LogConfig& config);

}  // namespace conntrack
