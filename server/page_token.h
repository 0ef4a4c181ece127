// A page token: where a listing goes on, and what it belongs to. Opaque to clients.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace conntrack {

struct PageToken {
  // The run of the server.
  uint64_t epoch = 0;
  // Stands for what was asked for.
  uint64_t request_hash = 0;
  // Where to go on, in the listing's own numbers.
  std::vector<uint64_t> place;
};

std::string EncodePageToken(const PageToken& token);
// Reads a token for the epoch, the request and as many numbers as `expected` has.
// InvalidArgument when `text` is no such token; `bound_to` tells what the request's
// hash is made of.
absl::StatusOr<PageToken> DecodePageToken(const std::string& text, const PageToken& expected,
                                          const std::string& bound_to);

}  // namespace conntrack
