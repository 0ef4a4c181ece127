// conntrackctl health: whether the server serves, for health checks of
// containers and for scripts. It asks the standard service grpc.health.v1,
// whose proto gRPC's packages do not install: both messages have one field, 1.
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/generic/generic_stub.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/verbs.h"

namespace conntrack::cli {
namespace {

// grpc.health.v1.HealthCheckResponse.ServingStatus.
constexpr uint64_t kServing = 1;

grpc::ByteBuffer RequestFor(const std::string& service) {
  google::protobuf::UnknownFieldSet request;
  if (!service.empty()) *request.AddLengthDelimited(1) = service;
  std::string bytes;
  request.SerializeToString(&bytes);
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// Whether the answer says that the service serves; anything else is a no.
bool Serves(const grpc::ByteBuffer& answer) {
  grpc::Slice slice;
  google::protobuf::UnknownFieldSet response;
  if (!answer.DumpToSingleSlice(&slice).ok() ||
      !response.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    return false;
  }
  for (int i = 0; i < response.field_count(); ++i) {
    const google::protobuf::UnknownField& field = response.field(i);
    if (field.number() == 1 && field.type() == google::protobuf::UnknownField::TYPE_VARINT) {
      return field.varint() == kServing;
    }
  }
  return false;
}

absl::Status Health(Invocation& invocation, const std::string& service) {
  auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + invocation.timeout());
  grpc::GenericStub stub(*channel);
  const grpc::ByteBuffer request = RequestFor(service);
  grpc::ByteBuffer answer;
  grpc::CompletionQueue queue;
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  grpc::Status status;
  void* tag = nullptr;
  bool ok = false;
  call->Finish(&answer, &status, &tag);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
    return absl::NotFoundError(absl::StrCat("the server has no service \"", service, "\""));
  }
  if (!status.ok()) return client::FromGrpcStatus(status);
  PrintWord(invocation, "status", Serves(answer) ? "SERVING" : "NOT_SERVING");
  if (!Serves(answer)) return absl::FailedPreconditionError("the server does not serve: it drains");
  return absl::OkStatus();
}

}  // namespace

void AddHealthVerb(CLI::App& app, Invocation& invocation) {
  auto service = std::make_shared<std::string>();
  CLI::App* verb =
      invocation.AddVerb(app, "health", "Say whether the server serves",
                         [&invocation, service] { return Health(invocation, *service); });
  verb->add_option("--service", *service, "One service of it, such as conntrack.v1.IngestService");
  invocation.SetManual(
      *verb, {{"conntrackctl health", "of the whole server"},
              {"conntrackctl health --service conntrack.v1.IngestService",
               "of the service that sensors feed"},
              {"conntrackctl health --service none", "of one that there is not", kExitNotFound}});
}

}  // namespace conntrack::cli
