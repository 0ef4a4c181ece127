// Asks a server what the live view shows.
//
// Thread-safe; one question at a time.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/top/look.h"
#include "conntrack/v1/admin_service.grpc.pb.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli::top {

class Looker {
 public:
  // No call takes longer than `timeout`.
  Looker(std::shared_ptr<grpc::Channel> channel, std::chrono::milliseconds timeout);

  // One look. The status of the call that failed.
  absl::StatusOr<Look> Ask(const Question& question);

  // Whether the server understands a filter; cheap, whatever is in its table.
  absl::Status Judge(const std::string& filter);

  // Ends a question that is under way: it returns Cancelled. Questions that follow are
  // asked as ever.
  void Cancel();

 private:
  template <typename Stub, typename Method, typename Request, typename Response>
  absl::Status Call(Stub& stub, Method method, const Request& request, Response* response);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::chrono::milliseconds timeout_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
  const std::unique_ptr<v1::ConnectionService::Stub> connections_;
  std::mutex mutex_;
  // Of the call under way; null when there is none.
  grpc::ClientContext* context_ = nullptr;
};

}  // namespace conntrack::cli::top
