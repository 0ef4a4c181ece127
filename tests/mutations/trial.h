// One mutant on trial, in a process of its own: what it does may be what no
// tracker does, such as a state that does not exist.
#pragma once

#include <optional>

#include "tests/mutations/answered_round.h"
#include "tests/mutations/mutant.h"

namespace conntrack {

// How many packets of the round the mutant answers as the kernel did, before the
// first at which it differs, breaks down or takes longer than a minute; nullopt
// when it answers all. Aborts when no process can be made.
std::optional<size_t> Try(const Mutation& mutant, const AnsweredRound& round);

}  // namespace conntrack
