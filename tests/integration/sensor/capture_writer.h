// Writes small pcap files for tests: one TCP packet a record, unless a test
// says otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace conntrack::testing {

inline constexpr uint32_t kLinkTypeEthernet = 1;

// The head of a pcap file (nanoseconds, this machine's byte order).
std::string PcapHead(uint32_t link_type = kLinkTypeEthernet);

// One record with `frame`, captured whole, `time_ns` after the epoch.
std::string PcapRecord(uint64_t time_ns, const std::string& frame);

// An Ethernet frame with a TCP SYN from `source_port`, of 54 bytes.
std::string SynFrame(uint16_t source_port);

// A pcap of `packets` SYNs, one each `gap_ns`.
std::string PcapOfSyns(int packets, uint64_t gap_ns = 1'000'000);

// Writes `content` into a new file of the test's temporary directory; its path.
std::string WriteTemporary(const std::string& name, const std::string& content);

}  // namespace conntrack::testing
