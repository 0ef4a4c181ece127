// Calls of methods whose protos are not installed with gRPC (health and
// reflection), with messages as bytes.
//
// Not thread-safe.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

namespace conntrack::testing {

class ByteCall {
 public:
  // Sends `request` and half-closes. Waits at most 30 s for each answer.
  ByteCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
           const std::string& request);
  // Cancels what has not ended.
  ~ByteCall();

  // The next message; nullopt when there is none any more.
  std::optional<std::string> Receive();
  grpc::Status Finish();

 private:
  // Whether the operation with the tag succeeded.
  bool Wait();

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool finished_ = false;
};

// grpc.health.v1.Health.Check of a service; nullopt when it does not know it.
enum class Health { kServing, kNotServing };
std::optional<Health> CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                                  const std::string& service);
// The answer in a message of that service.
std::optional<Health> ParseHealth(const std::optional<std::string>& message);
// A request about a service.
std::string HealthRequest(const std::string& service);

}  // namespace conntrack::testing
