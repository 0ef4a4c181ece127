// RuleCounts: how often each cell of a transition table, and each rule besides
// it, was seen in a comparison.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/differential/comparer.h"

namespace conntrack {

class RuleCounts {
 public:
  // `protocol` heads the report. `cells` and `rules` are what can be seen.
  RuleCounts(std::string protocol, std::vector<std::string> cells, std::vector<std::string> rules);

  void AddCell(const std::string& cell, const std::string& outcome);
  void AddRule(size_t index) { ++rule_counts_[index]; }

  bool empty() const { return cell_counts_.empty(); }

  // Lines for people: each cell with its outcomes, each rule, and what of them
  // was never seen.
  std::string Report() const;
  // By name, in the order of the constructor.
  std::vector<std::string> Missing() const;

 private:
  struct Cell {
    uint64_t count = 0;
    std::map<std::string, uint64_t> outcomes;
  };

  const std::string protocol_;
  const std::vector<std::string> cells_;
  const std::vector<std::string> rules_;
  std::map<std::string, Cell> cell_counts_;
  // By index into rules_.
  std::vector<uint64_t> rule_counts_;
};

// True when the packet goes in the reply direction of the connection that was
// seen `before` it.
bool IsReply(const Fields& before, const PacketSpec& spec);

// Counts the packet, of this kind, in the cell of the state before it, with what
// became of it.
void CountCell(const Fields& before, const ComparedPacket& packet, const std::string& kind,
               RuleCounts* counts);

}  // namespace conntrack
