#include "tests/bench/noop_server.h"

#include "server/tracker/check.h"

namespace conntrack::bench {

grpc::Status NoopServer::Service::Ingest(grpc::ServerContext* /*context*/, Stream* stream) {
  v1::IngestRequest request;
  v1::IngestResponse response;
  CT_CHECK(stream->Read(&request) && request.has_hello());
  response.mutable_welcome();
  stream->Write(response);
  uint64_t batches = 0;
  while (stream->Read(&request)) {
    packets += static_cast<uint64_t>(request.batch().packets().kind_size());
    if (++batches % kAckBatches != 0) continue;
    response.mutable_ack()->set_applied_sequence(request.batch().sequence());
    stream->Write(response);
  }
  return grpc::Status::OK;
}

NoopServer::NoopServer(const std::string& listen,
                       std::shared_ptr<grpc::ServerCredentials> credentials) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen, std::move(credentials), &port_);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  CT_CHECK(server_ != nullptr);
}

}  // namespace conntrack::bench
