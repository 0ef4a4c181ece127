// Which rules of SCTP a comparison has exercised.
#pragma once

#include "tests/differential/comparer.h"
#include "tests/differential/rule_counts.h"

namespace conntrack {

RuleCounts MakeSctpCounts();

// Counts an SCTP packet. `before` is the association as seen after the packet
// before it.
void CountSctp(const Fields& before, const ComparedPacket& packet, RuleCounts* counts);

}  // namespace conntrack
