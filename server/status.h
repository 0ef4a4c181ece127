// From absl::Status to grpc::Status: the one place where gRPC statuses are made.
//
// Every error carries one google.rpc.ErrorInfo of domain "conntrack.v1"
// (AIP-193): its reason is the one WithReason attached, else the name of the
// code. RESOURCE_EXHAUSTED carries a google.rpc.RetryInfo as well.
//
// Pure functions; thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace conntrack {

grpc::Status ToGrpcStatus(const absl::Status& status);

// `status` with a reason in UPPER_SNAKE_CASE and metadata for its ErrorInfo.
//
// REQUIRES: !status.ok().
absl::Status WithReason(absl::Status status, absl::string_view reason,
                        const std::map<std::string, std::string>& metadata = {});

}  // namespace conntrack
