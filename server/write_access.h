// What methods that write need of the shell around the services: who may, and a
// log of what was done by whom.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace grpc {
class CallbackServerContext;
}

namespace conntrack {

struct WriteAccess {
  // OK when the caller may write; see access.h.
  std::function<absl::Status(const grpc::CallbackServerContext&)> check;
  // Logs what a caller did: "DeleteConnections filter ...". Called before the call
  // ends.
  std::function<void(const grpc::CallbackServerContext&, const std::string&)> log;
};

}  // namespace conntrack
