#include "tests/integration/server/byte_call.h"

#include <chrono>
#include <vector>

#include "server/tracker/check.h"

namespace conntrack::testing {

ByteCall::ByteCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                   const std::string& request)
    : stub_(channel) {
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  stream_ = stub_.PrepareCall(&context_, method, &queue_);
  stream_->StartCall(this);
  if (!Wait()) return;
  const grpc::Slice slice(request);
  stream_->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), this);
  Wait();
}

ByteCall::~ByteCall() {
  if (!finished_) {
    context_.TryCancel();
    Finish();
  }
  queue_.Shutdown();
}

bool ByteCall::Wait() {
  void* tag = nullptr;
  bool ok = false;
  CT_CHECK(queue_.Next(&tag, &ok));
  return ok;
}

std::optional<std::string> ByteCall::Receive() {
  grpc::ByteBuffer message;
  stream_->Read(&message, this);
  if (!Wait()) return std::nullopt;
  std::vector<grpc::Slice> slices;
  CT_CHECK(message.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

grpc::Status ByteCall::Finish() {
  grpc::Status status;
  stream_->Finish(&status, this);
  Wait();
  finished_ = true;
  return status;
}

std::string HealthRequest(const std::string& service) {
  // Field 1, a string.
  return service.empty() ? ""
                         : "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
}

std::optional<Health> ParseHealth(const std::optional<std::string>& message) {
  // Field 1, an enum: 1 is SERVING, 2 NOT_SERVING.
  if (message == "\x08\x01") return Health::kServing;
  if (message == "\x08\x02") return Health::kNotServing;
  return std::nullopt;
}

std::optional<Health> CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                                  const std::string& service) {
  ByteCall call(channel, "/grpc.health.v1.Health/Check", HealthRequest(service));
  return ParseHealth(call.Receive());
}

}  // namespace conntrack::testing
