// Short beginnings of TCP conversations that reach a rule which chance reaches
// seldom.
//
// Pure functions of their random source.
#pragma once

#include <vector>

#include "tests/differential/conversation.h"

namespace conntrack {

// Packets between client and server from the first one on.
std::vector<PacketSpec> MakeTcpCorner(Random* random);

}  // namespace conntrack
