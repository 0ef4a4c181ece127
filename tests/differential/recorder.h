// Records the kernel's answers as a golden file, which RunScenario replays
// wherever there is no kernel to ask.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/differential/conversation.h"
#include "tests/differential/kernel_subject.h"

namespace conntrack {

struct Recording {
  Traffic traffic;
  // Named in the head.
  std::string kernel_release;
  uint64_t seed = 1;
  // At least so many packets.
  uint64_t packets = 2000;
};

// Writes `path`. Unavailable when it cannot be written or the kernel does not
// answer.
absl::Status RecordAnswers(const Recording& recording, KernelSubject* kernel,
                           const std::string& path);

}  // namespace conntrack
