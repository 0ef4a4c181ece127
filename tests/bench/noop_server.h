// NoopServer is the yardstick of ingest: a gRPC server that reads the streams of
// sensors, parses their batches, counts their packets, and does nothing else. It
// acknowledges at the intervals of the real one.
//
// Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "conntrack/v1/ingest_service.grpc.pb.h"

namespace conntrack::bench {

class NoopServer {
 public:
  // Batches between two acknowledgements. There is none for fewer, so clients
  // send multiples of it.
  static constexpr uint64_t kAckBatches = 32;

  // Listens on "127.0.0.1:0" or "unix:path". Aborts when it cannot.
  NoopServer(const std::string& listen, std::shared_ptr<grpc::ServerCredentials> credentials);

  // 0 for a Unix socket.
  int port() const { return port_; }
  // Packets in all batches it has read.
  uint64_t packets() const { return service_.packets.load(); }

 private:
  struct Service : v1::IngestService::Service {
    using Stream = grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>;
    grpc::Status Ingest(grpc::ServerContext* context, Stream* stream) override;

    std::atomic<uint64_t> packets{0};
  };

  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace conntrack::bench
