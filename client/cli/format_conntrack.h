// Connections and events as conntrack(8) of conntrack-tools 1.4.7 prints them,
// to the space, so that what reads its output reads ours.
#pragma once

#include <string>

#include "conntrack/v1/types.pb.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::cli {

// One line of `conntrack -L`, without its end; with `extended`, of `conntrack
// -L -o extended`.
std::string ConntrackLine(const v1::Connection& connection, bool extended);

// One line of `conntrack -E`. Events of the kernel carry counters only at the
// end of a connection, so these do too. LEFT, which the kernel does not have,
// is printed like DESTROY.
std::string ConntrackEventLine(const v1::Event& event, bool extended);

}  // namespace conntrack::cli
