#include "server/watcher.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/resume_token.h"
#include "server/status.h"

namespace conntrack {
namespace {

constexpr std::chrono::seconds kBookmarkInterval{1};
constexpr size_t kTokenInStatusBytesMax = 4096;

void AddRange(uint32_t slot, uint64_t epoch, uint64_t first, uint64_t last,
              google::protobuf::RepeatedPtrField<v1::SequenceRange>* ranges) {
  v1::SequenceRange* range = ranges->Add();
  range->set_slot(slot);
  range->set_epoch(epoch);
  range->set_first_sequence(first);
  range->set_last_sequence(last);
}

}  // namespace

Watcher::Watcher(WatchService* service)
    : service_(service),
      tracker_(service->tracker()),
      wire_{service->sensors(), service->tracker()->options().slot_count} {}

absl::Status Watcher::Init(const v1::WatchRequest& request) {
  FilterOptions options;
  options.allow_time_fields = false;
  options.slot_count = wire_.slot_count;
  options.sensor_index = [this](absl::string_view id) { return wire_.sensors->IndexOf(id); };
  absl::StatusOr<Filter> filter = Filter::Compile(request.filter(), options);
  if (!filter.ok()) return filter.status();
  filter_ = *std::move(filter);
  next_.resize(wire_.slot_count);
  id_limit_.resize(wire_.slot_count);
  std::vector<uint64_t> first_retained(wire_.slot_count);
  for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) {
    const SlotMark mark = tracker_->Mark(slot);
    next_[slot] = mark.sequence + 1;
    id_limit_[slot] = mark.next_id;
    first_retained[slot] = mark.first_retained;
  }
  if (request.start_case() == v1::WatchRequest::kSnapshot && request.snapshot()) {
    snapshot_ = Snapshot::kScanning;
  }
  if (request.start_case() != v1::WatchRequest::kResumeToken) return absl::OkStatus();

  const absl::StatusOr<ResumeToken> token =
      DecodeResumeToken(request.resume_token(), wire_.slot_count);
  if (!token.ok()) return token.status();
  bool valid = token->epoch == tracker_->options().epoch;
  for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) {
    const uint64_t wanted = token->sequences[slot] + 1;
    valid = valid && wanted >= first_retained[slot] && wanted <= next_[slot];
  }
  if (!valid) {
    for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) next_[slot] = first_retained[slot];
    return TooOld();
  }
  resumed_ = true;
  for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) {
    next_[slot] = token->sequences[slot] + 1;
  }
  return absl::OkStatus();
}

absl::Status Watcher::TooOld() const {
  std::map<std::string, std::string> metadata;
  // With thousands of slots it would not fit the metadata of a gRPC status.
  std::string token = absl::Base64Escape(Token());
  if (token.size() <= kTokenInStatusBytesMax) metadata["oldest_resume_token"] = std::move(token);
  return WithReason(absl::OutOfRangeError("resume_token is too old, or of an earlier run of "
                                          "the server"),
                    "RESUME_TOKEN_TOO_OLD", metadata);
}

std::string Watcher::Token() const {
  ResumeToken token{tracker_->options().epoch, next_};
  for (uint64_t& sequence : token.sequences) --sequence;
  return EncodeResumeToken(token);
}

void Watcher::Begin(std::shared_ptr<Watcher> self) {
  self_ = std::move(self);
  Pump();
}

void Watcher::Wake() {
  if (activity_.exchange(Activity::kWoken) != Activity::kIdle) return;
  service_->idle_count()->fetch_sub(1);
  Pump();
}

void Watcher::OnWriteDone(bool ok) {
  if (ok) {
    Pump();
  } else {
    FinishOnce(absl::CancelledError("the client is gone"));
  }
}

void Watcher::OnCancel() {
  cancelled_.store(true);
  Wake();
}

void Watcher::OnDone() {
  service_->Remove(this);
  self_.reset();
}

void Watcher::FinishOnce(const absl::Status& status) {
  if (!finished_.exchange(true)) Finish(ToGrpcStatus(status));
}

void Watcher::Pump() {
  while (!finished_.load()) {
    activity_.store(Activity::kBusy);
    if (cancelled_.load()) return FinishOnce(absl::CancelledError("the client is gone"));
    // Read before the last look: what came before the drain is still sent.
    const bool draining = service_->draining();
    if (FillNext()) {
      StartWrite(&response_);
      return;
    }
    if (!failure_.ok()) return FinishOnce(failure_);
    if (HasWork()) continue;
    if (draining) return FinishOnce(absl::UnavailableError("the server drains"));
    service_->idle_count()->fetch_add(1);
    // Whoever makes an event from here on sees that somebody waits for it.
    Activity expected = Activity::kBusy;
    if (!HasWork() && activity_.compare_exchange_strong(expected, Activity::kIdle)) return;
    service_->idle_count()->fetch_sub(1);
  }
}

bool Watcher::HasWork() const {
  for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) {
    if (tracker_->LastSequence(slot) >= next_[slot]) return true;
  }
  return false;
}

bool Watcher::FillNext() {
  response_.Clear();
  if (!failure_.ok()) return false;
  if (FillLoss()) return true;
  while (true) {
    switch (snapshot_) {
      case Snapshot::kNone:
        return FillBookmark() || FillEvents();
      case Snapshot::kScanning:
        ScanSnapshot();
        break;
      case Snapshot::kHeld:
        // Events that the held rows contain already go first.
        if (next_[held_step_.slot] <= held_step_.sequence) {
          first_slot_ = held_step_.slot;
          if (FillEvents()) return true;
          if (!failure_.ok()) return false;
          if (FillLoss()) return true;
          break;
        }
        snapshot_ = held_step_.more ? Snapshot::kScanning : Snapshot::kEnding;
        if (held_.snapshot().connections_size() == 0) break;
        ReleaseHeld();
        return true;
      case Snapshot::kEnding:
        FillSnapshotEnd();
        return true;
    }
  }
}

bool Watcher::FillLoss() {
  for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) {
    if (tracker_->LastSequence(slot) < next_[slot]) continue;
    const uint64_t first = tracker_->Mark(slot).first_retained;
    if (first <= next_[slot]) continue;
    AddRange(slot, tracker_->options().epoch, next_[slot], first - 1,
             response_.mutable_loss()->mutable_ranges());
    service_->stats()->lost_events.fetch_add(first - next_[slot]);
    next_[slot] = first;
  }
  return response_.has_loss();
}

bool Watcher::FillEvents() {
  v1::EventBatch* batch = response_.mutable_events();
  for (uint32_t i = 0; i < wire_.slot_count && batch->events_size() < kEventsPerBatch; ++i) {
    const uint32_t slot = (first_slot_ + i) & (wire_.slot_count - 1);
    if (tracker_->LastSequence(slot) < next_[slot]) continue;
    if (!AddEvents(slot, batch)) break;
  }
  first_slot_ = (first_slot_ + 1) & (wire_.slot_count - 1);
  if (batch->ranges_size() == 0) {
    response_.clear_events();
    return false;
  }
  service_->stats()->sent_events.fetch_add(static_cast<uint64_t>(batch->events_size()));
  return true;
}

bool Watcher::AddEvents(uint32_t slot, v1::EventBatch* batch) {
  const SlotEvents read = tracker_->ReadEvents(slot, next_[slot]);
  // What was lost in the meantime must be told first.
  if (read.first_retained > next_[slot]) return false;
  size_t count = read.range.count;
  if (snapshot_ == Snapshot::kHeld && slot == held_step_.slot) {
    // What happened to the held rows after they were read comes after them.
    count = std::min(count, static_cast<size_t>(held_step_.sequence + 1 - next_[slot]));
  }
  for (size_t i = 0; i < count; ++i) AddEvent(read.range[i], slot, batch);
  if (count > 0) {
    AddRange(slot, tracker_->options().epoch, next_[slot], next_[slot] + count - 1,
             batch->mutable_ranges());
    next_[slot] += count;
  }
  return true;
}

void Watcher::AddEvent(const Event& event, uint32_t slot, v1::EventBatch* batch) {
  const ConnectionRef connection = event.connection.ref();
  if (filter_.matches_all()) {
    ToWire(event, slot, wire_, batch->add_events());
    return;
  }
  const bool matches = filter_.Matches(connection, event.now);
  const bool destroyed = event.type == EventType::kDestroy;
  if (matches) {
    ToWire(event, slot, wire_, batch->add_events());
    if (destroyed) {
      matching_.erase(connection.id());
    } else {
      matching_.insert(connection.id());
    }
    if (matching_.size() > service_->options().matches_max) {
      failure_ = absl::ResourceExhaustedError(absl::StrCat(
          "the filter matches more than ", service_->options().matches_max, " connections"));
    }
    return;
  }
  // After a resume the client may know connections that this watch has not seen.
  const bool known =
      matching_.erase(connection.id()) > 0 ||
      (resumed_ && event.type != EventType::kNew && connection.id() < id_limit_[slot]);
  if (!known) return;
  v1::Event* left = batch->add_events();
  ToWire(event, slot, wire_, left);
  left->set_type(v1::EVENT_TYPE_LEFT);
}

void Watcher::ScanSnapshot() {
  held_.Clear();
  v1::SnapshotBatch* batch = held_.mutable_snapshot();
  const Time server_now = service_->clock()->Now();
  const uint64_t id_limit = id_limit_[position_.slot];
  held_step_ =
      tracker_->Scan(&position_, kPlacesPerStep, server_now, [&](const ConnectionRef& connection) {
        if (connection.id() >= id_limit) return;
        const Time now = tracker_->NowOf(connection.record().zone, server_now);
        if (!filter_.Matches(connection, now)) return;
        ToWire(connection, now, wire_, batch->add_connections());
      });
  snapshot_ = Snapshot::kHeld;
}

void Watcher::ReleaseHeld() {
  response_.Swap(&held_);
  const auto& connections = response_.snapshot().connections();
  snapshot_connections_ += static_cast<uint64_t>(connections.size());
  if (filter_.matches_all()) return;
  for (const v1::Connection& connection : connections) matching_.insert(connection.id());
}

void Watcher::FillSnapshotEnd() {
  v1::SnapshotEnd* end = response_.mutable_snapshot_end();
  end->set_connections(snapshot_connections_);
  end->set_resume_token(Token());
  snapshot_ = Snapshot::kNone;
}

bool Watcher::FillBookmark() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_bookmark_ < kBookmarkInterval) return false;
  last_bookmark_ = now;
  response_.mutable_bookmark()->set_resume_token(Token());
  return true;
}

}  // namespace conntrack
