#include "server/ingest_stream.h"

#include <google/protobuf/arena.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/convert.h"
#include "server/status.h"
#include "server/tracker/check.h"

namespace conntrack {
namespace {

using std::chrono::steady_clock;

// One ack for each batch would cost a third of the rate: there is one for so
// many, and one when the client pauses for so long.
constexpr uint64_t kAckBatches = 32;
constexpr std::chrono::milliseconds kAckDelay{1};
// How often a quiet stream looks whether the server drains.
constexpr std::chrono::milliseconds kQuietInterval{200};
// Room for the columns of a full batch; a larger one takes more from the heap.
constexpr size_t kArenaBytes = 512u << 10;
constexpr size_t kSessionIdMax = 64;
constexpr size_t kSoftwareMax = 128;

bool IsName(absl::string_view text, size_t size_max, absl::string_view punctuation) {
  return !text.empty() && text.size() <= size_max &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  punctuation.find(c) != absl::string_view::npos;
         });
}

absl::Status CheckHello(const v1::Hello& hello) {
  if (!IsName(hello.sensor_id(), kSensorIdMax, "._-")) {
    return absl::InvalidArgumentError(absl::StrCat("hello.sensor_id \"", hello.sensor_id(),
                                                   "\" is not 1 to 63 of [A-Za-z0-9._-]"));
  }
  if (!IsName(hello.session_id(), kSessionIdMax, "-")) {
    return absl::InvalidArgumentError(absl::StrCat("hello.session_id \"", hello.session_id(),
                                                   "\" is not 1 to 64 of [A-Za-z0-9-]"));
  }
  if (hello.first_sequence() == 0) {
    return absl::InvalidArgumentError("hello.first_sequence 0 is below 1");
  }
  if (hello.software().size() > kSoftwareMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello.software has ", hello.software().size(), " bytes, more than 128"));
  }
  if (!v1::Clock_IsValid(hello.clock())) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello.clock ", static_cast<int>(hello.clock()), " is unknown"));
  }
  return absl::OkStatus();
}

std::optional<ZoneClock> ClockOf(v1::Clock clock) {
  switch (clock) {
    case v1::CLOCK_SERVER:
      return ZoneClock::kServer;
    case v1::CLOCK_PACKET:
      return ZoneClock::kPacket;
    default:
      return std::nullopt;
  }
}

// The stream alone writes the counters of its sensor, so that it needs no locked
// instruction for each.
void Add(uint64_t count, std::atomic<uint64_t>* counter) {
  counter->store(counter->load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}
template <typename Value>
void Set(std::type_identity_t<Value> value, std::atomic<Value>* place) {
  place->store(value, std::memory_order_relaxed);
}

}  // namespace

IngestStream::IngestStream(IngestService* service) : service_(service), stream_(&context_) {}

IngestStream::~IngestStream() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void IngestStream::Request(grpc::ServerCompletionQueue* queue) {
  service_->grpc_.RequestIngest(&context_, &stream_, &queue_, queue, this);
}

void IngestStream::Run() {
  Serve();
  service_->stream_count_.fetch_sub(1);
  finished_.store(true);
}

void IngestStream::Serve() {
  if (service_->stream_count() > service_->options_.streams_max) {
    End(absl::ResourceExhaustedError(
        absl::StrCat("more than ", service_->options_.streams_max, " streams")));
    return;
  }
  if (service_->draining_.load()) {
    End(absl::UnavailableError("the server drains"));
    return;
  }
  arena_block_.resize(kArenaBytes);
  deadline_ = steady_clock::now() + service_->options_.hello_timeout;
  StartRead();
  while (WaitAndHandle() == Next::kGoOn) {
  }
  TrackWaiting();
  End(status_);
}

void IngestStream::StartRead() {
  reading_ = true;
  incoming_.Clear();
  stream_.Read(&incoming_, AsPointer(Tag::kRead));
}

IngestStream::Next IngestStream::WaitAndHandle() {
  const bool owes_ack = unacknowledged_batches_ > 0 && !writing_;
  // What waits is tracked as soon as nothing more is at hand.
  const std::chrono::milliseconds wait = !waiting_.empty() ? std::chrono::milliseconds(0)
                                         : owes_ack        ? kAckDelay
                                                           : kQuietInterval;
  const auto until = std::chrono::system_clock::now() + wait;
  void* tag = nullptr;
  bool ok = false;
  switch (queue_.AsyncNext(&tag, &ok, until)) {
    case grpc::CompletionQueue::SHUTDOWN:
      return Next::kEnd;
    case grpc::CompletionQueue::TIMEOUT:
      if (!waiting_.empty()) {
        TrackWaiting();
      } else if (owes_ack) {
        SendAck();
      } else {
        HandleTimeout();
      }
      break;
    case grpc::CompletionQueue::GOT_EVENT:
      if (tag == AsPointer(Tag::kRead)) {
        if (HandleRead(ok) == Next::kEnd) return Next::kEnd;
        break;
      }
      writing_ = false;
      if (ok) StartWrite();
      if (!reading_) StartRead();
      break;
  }
  if (!status_.ok()) return Next::kEnd;
  if (unacknowledged_batches_ >= kAckBatches && !writing_) SendAck();
  return Next::kGoOn;
}

void IngestStream::HandleTimeout() {
  if (service_->draining_.load() && !told_draining_) {
    told_draining_ = true;
    const std::chrono::milliseconds grace = service_->options_.drain_timeout;
    v1::IngestResponse response;
    response.mutable_draining()->mutable_grace()->set_seconds(grace.count() / 1000);
    response.mutable_draining()->mutable_grace()->set_nanos(
        static_cast<int32_t>(grace.count() % 1000 * 1'000'000));
    Send(response);
    deadline_ = steady_clock::now() + grace;
  }
  if (!deadline_.has_value() || steady_clock::now() < *deadline_) return;
  status_ = told_draining_ ? absl::UnavailableError("the server drains")
                           : absl::DeadlineExceededError("no hello within the time for it");
}

IngestStream::Next IngestStream::HandleRead(bool ok) {
  reading_ = false;
  if (!ok) {
    // Half-closed, or broken: then nothing more can be said anyway.
    if (sensor_ == nullptr && messages_ == 0) {
      status_ = absl::InvalidArgumentError("the stream ended before a hello");
    }
    return Next::kEnd;
  }
  grpc::ByteBuffer message;
  message.Swap(&incoming_);
  // Bytes of the next message move while this one is worked on.
  if (!OwesTooMuch()) StartRead();
  ++messages_;
  status_ = HandleMessage(&message);
  if (!status_.ok()) return Next::kEnd;
  if (service_->draining_.load() && !told_draining_) HandleTimeout();
  return Next::kGoOn;
}

absl::Status IngestStream::HandleMessage(grpc::ByteBuffer* message) {
  google::protobuf::ArenaOptions arena_options;
  arena_options.initial_block = arena_block_.data();
  arena_options.initial_block_size = arena_block_.size();
  google::protobuf::Arena arena(arena_options);
  auto* request = google::protobuf::Arena::CreateMessage<v1::IngestRequest>(&arena);
  grpc::ProtoBufferReader reader(message);
  if (!reader.status().ok() || !request->ParseFromZeroCopyStream(&reader)) {
    return absl::InvalidArgumentError(
        absl::StrCat("message ", messages_, " is not an IngestRequest"));
  }
  if ((sensor_ == nullptr) != request->has_hello()) {
    return absl::InvalidArgumentError(
        sensor_ == nullptr ? absl::StrCat("message ", messages_, " is not a hello")
                           : absl::StrCat("message ", messages_, " is a second hello"));
  }
  switch (request->message_case()) {
    case v1::IngestRequest::kHello:
      return HandleHello(request->hello());
    case v1::IngestRequest::kBatch:
      return HandleBatch(request->batch());
    case v1::IngestRequest::kHeartbeat:
      HandleHeartbeat(request->heartbeat());
      return absl::OkStatus();
    case v1::IngestRequest::MESSAGE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat("message ", messages_, " is empty"));
}

absl::Status IngestStream::HandleHello(const v1::Hello& hello) {
  if (absl::Status status = CheckHello(hello); !status.ok()) return status;
  const IngestOptions& options = service_->options_;
  const absl::StatusOr<ZoneIndex> zone = service_->tracker_->OpenZone(
      hello.zone(), ClockOf(hello.clock()), options.zone_settings(hello.zone()));
  if (!zone.ok()) return zone.status();
  absl::StatusOr<Sensor*> sensor = service_->sensors_->Open(
      hello.sensor_id(), {hello.session_id(), hello.zone(), hello.software()},
      hello.first_sequence(), hello.acknowledged_packets());
  if (!sensor.ok()) return sensor.status();
  sensor_ = *sensor;
  zone_ = *zone;
  clock_ = service_->tracker_->zone(zone_).clock;
  wants_verdicts_ = hello.verdicts();
  deadline_.reset();
  Set(service_->clock_->Now(), &sensor_->last_message);

  v1::IngestResponse response;
  v1::Welcome* welcome = response.mutable_welcome();
  welcome->set_applied_sequence(sensor_->applied_sequence);
  welcome->set_batch_packets_max(options.batch_packets_max);
  welcome->set_message_bytes_max(options.message_bytes_max);
  welcome->set_slot_count(service_->tracker_->options().slot_count);
  welcome->set_slot_hash_seed(service_->tracker_->options().slot_hash_seed);
  welcome->set_clock(clock_ == ZoneClock::kServer ? v1::CLOCK_SERVER : v1::CLOCK_PACKET);
  welcome->set_software(options.software);
  Send(response);
  return absl::OkStatus();
}

uint64_t IngestStream::ReceivedSequence() const {
  return waiting_.empty() ? sensor_->applied_sequence.load(std::memory_order_relaxed)
                          : waiting_.back().sequence;
}

absl::Status IngestStream::HandleBatch(const v1::SequencedBatch& batch) {
  Set(service_->clock_->Now(), &sensor_->last_message);
  if (batch.sequence() == 0) return absl::InvalidArgumentError("batch.sequence 0 is below 1");
  const uint64_t received = ReceivedSequence();
  if (batch.sequence() > received + 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("batch ", batch.sequence(), " after batch ", received, ": a gap"));
  }
  const uint32_t packets = PacketReader::CountOf(batch.packets());
  if (batch.sequence() <= received) {
    Add(packets, &sensor_->session_duplicate_packets);
    Add(packets, &sensor_->duplicate_packets);
    ++unacknowledged_batches_;
    return absl::OkStatus();
  }
  if (const std::optional<BatchError> error =
          reader_.Append(batch.packets(), service_->options_.batch_packets_max)) {
    TrackWaiting();
    RejectBatch(batch, *error);
    return absl::OkStatus();
  }
  waiting_.push_back({batch.sequence(), packets});
  if (reader_.full()) TrackWaiting();
  return absl::OkStatus();
}

void IngestStream::RejectBatch(const v1::SequencedBatch& batch, const BatchError& error) {
  const uint32_t packets = PacketReader::CountOf(batch.packets());
  Add(packets, &sensor_->session_rejected_packets);
  Add(packets, &sensor_->rejected_packets);
  Add(1, &sensor_->rejected_batches);
  v1::RejectedBatch* rejected = ack_.add_rejected();
  rejected->set_sequence(batch.sequence());
  rejected->set_reason(error.reason);
  rejected->set_detail(error.detail);
  rejected->set_packets(packets);
  ++unacknowledged_batches_;
  Set(batch.sequence(), &sensor_->applied_sequence);
}

void IngestStream::AddVerdicts() {
  std::span<const Verdict> rest(verdicts_);
  for (const WaitingBatch& batch : waiting_) {
    v1::BatchVerdicts* const out = ack_.add_verdicts();
    out->set_sequence(batch.sequence);
    std::string& bytes = *out->mutable_verdicts();
    bytes.reserve(batch.packets);
    for (const Verdict& verdict : rest.first(batch.packets)) {
      bytes.push_back(static_cast<char>(VerdictByte(verdict)));
    }
    rest = rest.subspan(batch.packets);
  }
  verdict_bytes_ += verdicts_.size();
}

void IngestStream::TrackWaiting() {
  if (waiting_.empty()) return;
  const Time now = service_->clock_->Now();
  const std::span<const Packet> packets = reader_.packets();
  verdicts_.resize(packets.size());
  service_->tracker_->Process({zone_, now, sensor_->index}, packets, verdicts_);
  service_->options_.on_events();
  Add(packets.size(), &sensor_->session_applied_packets);
  Add(packets.size(), &sensor_->applied_packets);
  Add(waiting_.size(), &sensor_->session_applied_batches);
  Add(waiting_.size(), &sensor_->applied_batches);
  Set(reader_.newest(), &sensor_->last_packet);
  if (clock_ == ZoneClock::kServer) {
    Set(std::max<int64_t>((now - reader_.newest()).count(), 0), &sensor_->lag_ns);
  }
  if (wants_verdicts_) AddVerdicts();
  Set(waiting_.back().sequence, &sensor_->applied_sequence);
  unacknowledged_batches_ += waiting_.size();
  waiting_.clear();
  reader_.Clear();
}

void IngestStream::HandleHeartbeat(const v1::Heartbeat& heartbeat) {
  TrackWaiting();
  Set(service_->clock_->Now(), &sensor_->last_message);
  if (heartbeat.time_unix_ns() != 0) {
    const auto nanos =
        static_cast<int64_t>(std::min<uint64_t>(heartbeat.time_unix_ns(), PacketReader::kTimeMax));
    if (clock_ == ZoneClock::kPacket) service_->tracker_->Advance(zone_, TimeFromUnixNanos(nanos));
  }
  if (!heartbeat.has_counts()) return;
  const v1::SensorCounts& counts = heartbeat.counts();
  Set(counts.captured_packets(), &sensor_->captured_packets);
  Set(counts.filtered_packets(), &sensor_->filtered_packets);
  Set(counts.kernel_dropped_packets(), &sensor_->kernel_dropped_packets);
  Set(counts.buffer_dropped_packets(), &sensor_->buffer_dropped_packets);
}

void IngestStream::SendAck() {
  ack_.set_applied_sequence(sensor_->applied_sequence);
  v1::IngestResponse response;
  response.mutable_ack()->Swap(&ack_);
  ack_.Clear();
  unacknowledged_batches_ = 0;
  verdict_bytes_ = 0;
  Send(response);
}

void IngestStream::Send(const v1::IngestResponse& response) {
  bool own_buffer = false;
  grpc::ByteBuffer bytes;
  const grpc::Status serialized =
      grpc::SerializationTraits<v1::IngestResponse>::Serialize(response, &bytes, &own_buffer);
  CT_CHECK(serialized.ok());
  outgoing_.push_back(bytes);
  if (!writing_) StartWrite();
}

void IngestStream::StartWrite() {
  if (outgoing_.empty()) return;
  writing_ = true;
  stream_.Write(outgoing_.front(), AsPointer(Tag::kWrite));
  outgoing_.erase(outgoing_.begin());
}

void IngestStream::End(const absl::Status& status) {
  if (sensor_ != nullptr && unacknowledged_batches_ > 0) SendAck();
  void* tag = nullptr;
  bool ok = false;
  while (writing_ && queue_.Next(&tag, &ok)) {
    if (tag == AsPointer(Tag::kRead)) {
      reading_ = false;
      continue;
    }
    writing_ = false;
    if (ok) StartWrite();
  }
  // Before the client knows: it may open the session again at once.
  if (sensor_ != nullptr) service_->sensors_->Close(sensor_);
  stream_.Finish(ToGrpcStatus(status), AsPointer(Tag::kFinish));
  bool finished = false;
  while ((!finished || reading_) && queue_.Next(&tag, &ok)) {
    if (tag == AsPointer(Tag::kFinish)) finished = true;
    if (tag == AsPointer(Tag::kRead)) reading_ = false;
  }
}

}  // namespace conntrack
