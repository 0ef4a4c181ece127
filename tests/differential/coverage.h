// Coverage: which rules of a tracker a run has exercised, told from what can be
// seen from outside: state before, packet, verdict and state after.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/tracker/settings.h"
#include "tests/differential/comparer.h"
#include "tests/differential/sctp_coverage.h"
#include "tests/differential/tcp_coverage.h"

namespace conntrack {

class Coverage {
 public:
  // Forgets the connections, not the counts: another round begins.
  void BeginRound(const ZoneSettings& settings) {
    before_.clear();
    settings_ = settings;
  }

  void Add(size_t conversation, const ComparedPacket& packet);

  // Lines for people: verdicts, settings, and for TCP and SCTP the cells of their
  // tables and their special rules; what was never seen is named.
  std::string Report() const;

 private:
  void AddSettings();

  // Of the round.
  ZoneSettings settings_;
  // What was last seen of a connection, by conversation and connection number.
  std::map<std::pair<size_t, uint16_t>, Fields> before_;
  RuleCounts tcp_ = MakeTcpCounts();
  RuleCounts sctp_ = MakeSctpCounts();
  std::map<std::string, uint64_t> verdicts_;
  // Packets by the value of a switch, and how many had timeouts off their
  // defaults.
  std::map<std::string, std::map<int64_t, uint64_t>> switches_;
  uint64_t other_timeouts_ = 0;
};

}  // namespace conntrack
