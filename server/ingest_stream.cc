#include "server/ingest_stream.h"

#include <google/protobuf/arena.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <system_error>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/ingest_hello.h"
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
// So many packets are tracked aside while the other thread receives; for fewer it is not
// worth waking.
constexpr size_t kAsidePackets = 1024;

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
  lead_.Take();
  Begin();
  lead_.Give();
  Serve(&lanes_[0]);
  if (second_thread_.joinable()) second_thread_.join();
  service_->stream_count_.fetch_sub(1);
  finished_.store(true);
}

void IngestStream::Begin() {
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
}

void IngestStream::Serve(Lane* lane) {
  lead_.Take();
  while (!ended_) {
    lane_ = lane;
    switch (WaitAndHandle()) {
      case Next::kGoOn:
        break;
      case Next::kTrack:
        TrackAside(lane);
        break;
      case Next::kEnd:
        TrackAndSettle();
        End(status_);
        break;
    }
  }
  lead_.Give();
}

bool IngestStream::StartSecondThread() {
  if (second_thread_.joinable()) return true;
  try {
    second_thread_ = std::thread([this] { Serve(&lanes_[1]); });
  } catch (const std::system_error&) {
    // The system has none left.
    return false;
  }
  return true;
}

void IngestStream::TrackAside(Lane* lane) {
  if (lane->reader.packets().size() < kAsidePackets || !StartSecondThread()) {
    TrackAndSettle();
    return;
  }
  BeginTurn();
  lead_.Give();
  Track(lane);
  lead_.Take();
  // The other thread may have done so, and has if the stream has ended.
  while (std::find(in_flight_.begin(), in_flight_.end(), lane) != in_flight_.end()) Settle();
}

void IngestStream::StartRead() {
  reading_ = true;
  incoming_.Clear();
  stream_.Read(&incoming_, AsPointer(Tag::kRead));
}

IngestStream::Next IngestStream::WaitAndHandle() {
  while (!in_flight_.empty() && in_flight_.front()->turn.over()) Settle();
  const bool owes_ack = unacknowledged_batches_ > 0 && !writing_;
  // What waits is tracked as soon as nothing more is at hand.
  const bool has_packets = !lane_->batches.empty() || !in_flight_.empty();
  const std::chrono::milliseconds wait = has_packets ? std::chrono::milliseconds(0)
                                         : owes_ack  ? kAckDelay
                                                     : kQuietInterval;
  const auto until = std::chrono::system_clock::now() + wait;
  void* tag = nullptr;
  bool ok = false;
  switch (queue_.AsyncNext(&tag, &ok, until)) {
    case grpc::CompletionQueue::SHUTDOWN:
      return Next::kEnd;
    case grpc::CompletionQueue::TIMEOUT:
      if (has_packets) {
        TrackAndSettle();
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
  return lane_->reader.full() ? Next::kTrack : Next::kGoOn;
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
  if (!lane_->batches.empty()) return lane_->batches.back().sequence;
  if (!in_flight_.empty()) return in_flight_.back()->batches.back().sequence;
  return sensor_->applied_sequence.load(std::memory_order_relaxed);
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
          lane_->reader.Append(batch.packets(), service_->options_.batch_packets_max)) {
    TrackAndSettle();
    RejectBatch(batch, *error);
    return absl::OkStatus();
  }
  lane_->batches.push_back({batch.sequence(), packets});
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

void IngestStream::BeginTurn() {
  lane_->now = service_->clock_->Now();
  lane_->turn.Follow(in_flight_.empty() ? nullptr : &in_flight_.back()->turn);
  in_flight_.push_back(lane_);
}

void IngestStream::Track(Lane* lane) {
  const std::span<const Packet> packets = lane->reader.packets();
  lane->verdicts.resize(packets.size());
  service_->tracker_->Process({zone_, lane->now, sensor_->index}, packets, lane->verdicts,
                              &lane->turn);
  service_->options_.on_events();
}

void IngestStream::Settle() {
  Lane* const lane = in_flight_.front();
  lane->turn.WaitUntilOver();
  in_flight_.erase(in_flight_.begin());
  CountApplied(*lane);
  lane->batches.clear();
  lane->reader.Clear();
}

void IngestStream::TrackAndSettle() {
  if (!lane_->batches.empty()) {
    BeginTurn();
    Track(lane_);
  }
  while (!in_flight_.empty()) Settle();
}

void IngestStream::CountApplied(const Lane& lane) {
  const PacketReader& reader = lane.reader;
  Add(reader.packets().size(), &sensor_->session_applied_packets);
  Add(reader.packets().size(), &sensor_->applied_packets);
  Add(lane.batches.size(), &sensor_->session_applied_batches);
  Add(lane.batches.size(), &sensor_->applied_batches);
  Set(reader.newest(), &sensor_->last_packet);
  if (clock_ == ZoneClock::kServer) {
    Set(std::max<int64_t>((lane.now - reader.newest()).count(), 0), &sensor_->lag_ns);
  }
  if (wants_verdicts_) AddVerdicts(lane);
  Set(lane.batches.back().sequence, &sensor_->applied_sequence);
  unacknowledged_batches_ += lane.batches.size();
}

void IngestStream::AddVerdicts(const Lane& lane) {
  std::span<const Verdict> rest(lane.verdicts);
  for (const WaitingBatch& batch : lane.batches) {
    v1::BatchVerdicts* const out = ack_.add_verdicts();
    out->set_sequence(batch.sequence);
    std::string& bytes = *out->mutable_verdicts();
    bytes.reserve(batch.packets);
    for (const Verdict& verdict : rest.first(batch.packets)) {
      bytes.push_back(static_cast<char>(VerdictByte(verdict)));
    }
    rest = rest.subspan(batch.packets);
  }
  verdict_bytes_ += lane.verdicts.size();
}

void IngestStream::HandleHeartbeat(const v1::Heartbeat& heartbeat) {
  TrackAndSettle();
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
  ended_ = true;
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
