// Errors of calls, as absl::Status with what the server said about them.
//
// A server of this project sends one google.rpc.ErrorInfo with each error: a
// reason that programs can compare, beside the text that people read.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace conntrack::client {

// The same code and message. Details that the server attached are kept as
// payloads of the status, keyed by their type URL.
absl::Status FromGrpcStatus(const grpc::Status& status);

// A google.rpc.ErrorInfo. Plain data.
struct ErrorReason {
  std::string reason;  // For example "RESUME_TOKEN_TOO_OLD".
  std::string domain;
  std::map<std::string, std::string> metadata;
};

// What the server's ErrorInfo said; nothing when it sent none.
std::optional<ErrorReason> ReasonOf(const absl::Status& status);

// How long the server asks to wait before the next try (google.rpc.RetryInfo);
// nothing when it did not say.
std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status);

}  // namespace conntrack::client
