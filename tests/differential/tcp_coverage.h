// Which rules of TCP a comparison has exercised.
#pragma once

#include "tests/differential/comparer.h"
#include "tests/differential/rule_counts.h"

namespace conntrack {

RuleCounts MakeTcpCounts();

// Counts a TCP packet. `before` is the connection as seen after the packet before
// it.
void CountTcp(const Fields& before, const ComparedPacket& packet, RuleCounts* counts);

}  // namespace conntrack
