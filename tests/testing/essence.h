// What tells one state of a connection from another: the parts that change only
// with an event.
//
// Pure function; thread-safe.
#pragma once

#include "conntrack/v1/types.pb.h"

namespace conntrack::testing {

// `connection` without counters, times that packets move, and what lies within the
// window of TCP.
v1::Connection EssenceOf(const v1::Connection& connection);

}  // namespace conntrack::testing
