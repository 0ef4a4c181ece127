// Names and lists of connections with their addresses, for people, and the
// differences between what two sides have.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "server/tracker/packet.h"
#include "tests/differential/real_chain.h"
#include "tests/testing/observation.h"

namespace conntrack {

// "tcp 192.0.2.1:1024>192.0.2.2:80", as a packet of this direction has it.
std::string TextOf(const SeenTuple& tuple);
// The same for a packet, with flags and length.
std::string TextOf(const Packet& packet);
std::string TextOf(const Totals& totals);

// The same for both directions of a connection.
std::string NameOfConnection(const SeenTuple& tuple);

// Sentences of Difference() both ways; empty when nothing differs.
std::string DifferenceOf(const Observation& kernel, const Observation& ours, int64_t tolerance);

// A sentence for each connection that only one side has, or that differs,
// but for those named in `ignored`.
std::vector<std::string> CompareLists(const std::vector<SeenConnection>& kernel,
                                      const std::vector<SeenConnection>& ours,
                                      const std::set<std::string>& ignored, int64_t tolerance);

}  // namespace conntrack
