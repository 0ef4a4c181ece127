#include "tests/testing/wire_sensor.h"

#include <utility>

namespace conntrack::testing {
namespace {

constexpr char kMethod[] = "/conntrack.v1.IngestService/Ingest";
constexpr uint32_t kTcp = 6;
constexpr uint32_t kUdp = 17;

void* Tag(intptr_t number) { return reinterpret_cast<void*>(number); }

}  // namespace

WireSensor::WireSensor(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
  // A test that would hang fails instead.
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  stream_ = stub_.PrepareCall(&context_, kMethod, &queue_);
  stream_->StartCall(Tag(1));
  Wait(Tag(1));
}

WireSensor::~WireSensor() {
  context_.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool WireSensor::Wait(void* tag) {
  void* done = nullptr;
  bool ok = false;
  while (queue_.Next(&done, &ok)) {
    if (done == tag) return ok;
  }
  return false;
}

bool WireSensor::Send(const v1::IngestRequest& request) {
  return SendBytes(request.SerializeAsString());
}

bool WireSensor::SendBytes(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  stream_->Write(grpc::ByteBuffer(&slice, 1), Tag(2));
  return Wait(Tag(2));
}

std::optional<v1::IngestResponse> WireSensor::Receive() {
  grpc::ByteBuffer bytes;
  stream_->Read(&bytes, Tag(3));
  if (!Wait(Tag(3))) return std::nullopt;
  v1::IngestResponse response;
  if (!grpc::SerializationTraits<v1::IngestResponse>::Deserialize(&bytes, &response).ok()) {
    return std::nullopt;
  }
  return response;
}

std::optional<v1::Ack> WireSensor::ReceiveAck(uint64_t sequence) {
  v1::Ack seen;
  while (auto response = Receive()) {
    if (!response->has_ack()) continue;
    seen.MergeFrom(response->ack());
    if (seen.applied_sequence() >= sequence) return seen;
  }
  return std::nullopt;
}

void WireSensor::HalfClose() {
  if (std::exchange(half_closed_, true)) return;
  stream_->WritesDone(Tag(4));
  Wait(Tag(4));
}

grpc::Status WireSensor::Finish() {
  while (Receive().has_value()) {
  }
  grpc::Status status;
  stream_->Finish(&status, Tag(5));
  Wait(Tag(5));
  return status;
}

v1::IngestRequest HelloRequest(const std::string& sensor_id, uint32_t zone,
                               const std::string& session_id) {
  v1::IngestRequest request;
  v1::Hello* hello = request.mutable_hello();
  hello->set_sensor_id(sensor_id);
  hello->set_session_id(session_id);
  hello->set_zone(zone);
  hello->set_clock(v1::CLOCK_PACKET);
  hello->set_first_sequence(1);
  return request;
}

BatchWriter::BatchWriter(uint64_t base_seconds) {
  batch_.set_layout(v1::PACKET_LAYOUT_IPV4);
  batch_.set_base_time_unix_ns(base_seconds * 1'000'000'000);
}

void BatchWriter::Add(uint32_t delta_ms, uint32_t source, uint32_t destination, uint32_t ports,
                      uint32_t kind, uint32_t sequence, uint32_t acknowledgment, uint32_t shape) {
  batch_.add_time_delta_ns(delta_ms * 1'000'000);
  batch_.add_source(source);
  batch_.add_destination(destination);
  batch_.add_ports(ports);
  batch_.add_kind(kind);
  batch_.add_sequence(sequence);
  batch_.add_acknowledgment(acknowledgment);
  batch_.add_shape(shape);
}

BatchWriter& BatchWriter::Tcp(uint32_t delta_ms, uint32_t source, uint16_t source_port,
                              uint32_t destination, uint16_t destination_port, uint8_t flags,
                              uint32_t sequence, uint32_t acknowledgment) {
  Add(delta_ms, source, destination, uint32_t{source_port} << 16 | destination_port,
      kTcp | uint32_t{flags} << 8 | 40u << 16, sequence, acknowledgment,
      65'535 | 5u << 16 | 5u << 20);
  return *this;
}

BatchWriter& BatchWriter::Udp(uint32_t delta_ms, uint32_t source, uint16_t source_port,
                              uint32_t destination, uint16_t destination_port) {
  Add(delta_ms, source, destination, uint32_t{source_port} << 16 | destination_port,
      kUdp | 28u << 16, 0, 0, 5u << 16);
  return *this;
}

v1::IngestRequest BatchWriter::Request(uint64_t sequence) const {
  v1::IngestRequest request;
  request.mutable_batch()->set_sequence(sequence);
  *request.mutable_batch()->mutable_packets() = batch_;
  return request;
}

}  // namespace conntrack::testing
