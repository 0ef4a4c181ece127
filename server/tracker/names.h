// The names of verdicts, reasons and states, in lower case, as metrics,
// settings and scenarios write them.
//
// Pure functions; what they return lives for ever.
#pragma once

#include "server/tracker/settings.h"
#include "server/tracker/verdict.h"

namespace conntrack {

const char* NameOf(VerdictKind kind);
const char* NameOf(InvalidReason reason);
const char* NameOf(TcpState state);
const char* NameOf(SctpState state);

}  // namespace conntrack
