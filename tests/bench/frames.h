// The packets of benchmarks as frames, and captures of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "server/tracker/packet.h"
#include "tests/bench/workload.h"

namespace conntrack::bench {

// An Ethernet frame of a TCP packet without options, with right checksums and a
// payload of zeros. REQUIRES: `packet` is such a packet.
std::string MakeFrame(const Packet& packet);

// A capture of `packets` packets that opens all connections of `workload`, and
// goes on with data of random ones. A microsecond lies between two packets.
//
// REQUIRES: packets is at least three for each connection.
void WriteCapture(const std::string& path, uint64_t packets, Workload* workload);

}  // namespace conntrack::bench
