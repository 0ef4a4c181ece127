// The list of mutants that mutants.py writes beside the mutated sources.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/differential/conversation.h"
#include "tests/mutations/mutant.h"

namespace conntrack {

struct ListedMutant {
  int number = 0;
  // Whose packets can meet it.
  Traffic traffic = Traffic::kTcp;
  Mutation mutation;
};

// Lines of NUMBER PROTOCOL condition, or NUMBER PROTOCOL TABLE ROW COLUMN VALUE.
// InvalidArgument names the line that is neither, NotFound the file.
absl::StatusOr<std::vector<ListedMutant>> ReadMutants(const std::string& path);

}  // namespace conntrack
