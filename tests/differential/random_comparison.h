// The comparison on conversations made at random: rounds of each kind of traffic
// until as many packets as asked for were compared. Prints what it does.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "tests/differential/fixed_settings.h"
#include "tests/differential/kernel_subject.h"

namespace conntrack {

struct RandomComparison {
  // A name of a Traffic, or "all" to share the packets out.
  std::string protocol = "all";
  uint64_t packets = 200'000;
  uint64_t seed = 1;
  FixedSettings fixed;
  // Print which rules were exercised.
  bool coverage = true;
};

// Whether no packet differed; the first that did is explained.
bool CompareAtRandom(const RandomComparison& comparison, KernelSubject* kernel);

}  // namespace conntrack
