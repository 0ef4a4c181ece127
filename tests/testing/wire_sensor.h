// WireSensor speaks the ingest protocol message by message, so that a test can
// say anything to a server, wrong things too.
//
// Not thread-safe.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "conntrack/v1/ingest_service.grpc.pb.h"

namespace conntrack::testing {

class WireSensor {
 public:
  explicit WireSensor(const std::shared_ptr<grpc::Channel>& channel);
  ~WireSensor();
  WireSensor(const WireSensor&) = delete;
  WireSensor& operator=(const WireSensor&) = delete;

  // Sends; false when the stream is over.
  bool Send(const v1::IngestRequest& request);
  bool SendBytes(const std::string& bytes);
  // The next response; nullopt when the stream is over.
  std::optional<v1::IngestResponse> Receive();
  // Receives until an ack covers `sequence`, and returns that ack with the
  // rejections of those before. Nullopt when the stream ends first.
  std::optional<v1::Ack> ReceiveAck(uint64_t sequence);
  void HalfClose();
  // Reads to the end and returns the status.
  grpc::Status Finish();

 private:
  bool Wait(void* tag);

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool half_closed_ = false;
};

// A hello of a sensor on packet time.
v1::IngestRequest HelloRequest(const std::string& sensor_id, uint32_t zone,
                               const std::string& session_id = "session-1");

// Builds an IPv4 batch packet by packet.
class BatchWriter {
 public:
  // Seconds since the epoch of the batch's base time.
  explicit BatchWriter(uint64_t base_seconds = 1'700'000'000);

  // A TCP packet without options and payload, `delta_ms` after the base time.
  BatchWriter& Tcp(uint32_t delta_ms, uint32_t source, uint16_t source_port, uint32_t destination,
                   uint16_t destination_port, uint8_t flags, uint32_t sequence,
                   uint32_t acknowledgment);
  BatchWriter& Udp(uint32_t delta_ms, uint32_t source, uint16_t source_port, uint32_t destination,
                   uint16_t destination_port);
  v1::PacketBatch Take() const { return batch_; }
  v1::IngestRequest Request(uint64_t sequence) const;

 private:
  void Add(uint32_t delta_ms, uint32_t source, uint32_t destination, uint32_t ports, uint32_t kind,
           uint32_t sequence, uint32_t acknowledgment, uint32_t shape);

  v1::PacketBatch batch_;
};

}  // namespace conntrack::testing
