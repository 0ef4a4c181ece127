// Sends the three packets of a TCP handshake to a server and asks what became
// of them:
//
//   handshake [HOST:PORT]
#include <chrono>
#include <cstdint>
#include <iostream>

#include "conntrack/channel.h"
#include "conntrack/ingest.h"
#include "conntrack/status.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace {

namespace v1 = conntrack::v1;

constexpr uint32_t kClient = 0xC0000201;  // 192.0.2.1
constexpr uint32_t kServer = 0xC6336402;  // 198.51.100.2
constexpr uint32_t kSyn = 0x02;
constexpr uint32_t kAck = 0x10;

// One TCP packet without payload or options; packet_batch.proto defines the
// columns.
void AddPacket(bool reply, uint32_t flags, uint32_t sequence, uint32_t acknowledgment,
               v1::PacketBatch* batch) {
  constexpr uint32_t kHeaders = 20 + 20;
  batch->add_source(reply ? kServer : kClient);
  batch->add_destination(reply ? kClient : kServer);
  batch->add_ports(reply ? 80u << 16 | 40000 : 40000u << 16 | 80);
  batch->add_time_delta_ns(static_cast<uint32_t>(batch->kind_size()) * 1'000'000);
  batch->add_kind(kHeaders << 16 | flags << 8 | v1::PROTOCOL_TCP);
  batch->add_sequence(sequence);
  batch->add_acknowledgment(acknowledgment);
  batch->add_shape(5u << 20 | 5u << 16 | 64'000);
}

v1::PacketBatch Handshake() {
  v1::PacketBatch batch;
  batch.set_layout(v1::PACKET_LAYOUT_IPV4);
  batch.set_base_time_unix_ns(static_cast<uint64_t>(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count()));
  AddPacket(false, kSyn, 1000, 0, &batch);
  AddPacket(true, kSyn | kAck, 9000, 1001, &batch);
  AddPacket(false, kAck, 1001, 9001, &batch);
  return batch;
}

absl::Status Run(const std::string& server) {
  conntrack::client::ChannelOptions channel_options;
  channel_options.server = server;
  auto channel = conntrack::client::OpenChannel(channel_options);
  if (!channel.ok()) return channel.status();

  conntrack::client::IngestOptions ingest_options;
  ingest_options.sensor_id = "example";
  ingest_options.software = "conntrack-client-example";
  auto session = conntrack::client::IngestSession::Start(*channel, ingest_options);
  if (!session.ok()) return session.status();
  if (absl::Status sent = (*session)->Send(Handshake()); !sent.ok()) return sent;
  if (absl::Status done = (*session)->Finish(std::chrono::seconds(5)); !done.ok()) return done;

  v1::GetConnectionRequest request;
  request.mutable_tuple()->set_protocol(v1::PROTOCOL_TCP);
  v1::Tuple& tuple = *request.mutable_tuple()->mutable_tuple();
  tuple.set_source_address("192.0.2.1");
  tuple.set_destination_address("198.51.100.2");
  tuple.mutable_ports()->set_source(40000);
  tuple.mutable_ports()->set_destination(80);
  v1::GetConnectionResponse response;
  grpc::ClientContext context;
  const auto stub = v1::ConnectionService::NewStub(*channel);
  const grpc::Status status = stub->GetConnection(&context, request, &response);
  if (!status.ok()) return conntrack::client::FromGrpcStatus(status);
  std::cout << v1::TcpState_Name(response.connection().tcp().state()) << "\n";
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  const absl::Status status = Run(argc > 1 ? argv[1] : "127.0.0.1:50051");
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
