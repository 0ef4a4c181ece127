// A resume token: for each slot the last event that a watcher has. Opaque to
// clients; bound to the epoch, so to one run of the server.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace conntrack {

struct ResumeToken {
  uint64_t epoch = 0;
  // By slot.
  std::vector<uint64_t> sequences;
};

std::string EncodeResumeToken(const ResumeToken& token);
// InvalidArgument when `text` is no token, or of another number of slots.
absl::StatusOr<ResumeToken> DecodeResumeToken(const std::string& text, uint32_t slot_count);

}  // namespace conntrack
