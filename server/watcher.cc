#include "server/watcher.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/query_step.h"
#include "server/resume_token.h"
#include "server/status.h"
#include "server/tracker/check.h"

namespace conntrack {
namespace {

constexpr std::chrono::seconds kBookmarkInterval{1};
constexpr size_t kTokenInStatusBytesMax = 4096;

}  // namespace

Watcher::Watcher(WatchService* service)
    : service_(service),
      tracker_(service->tracker()),
      wire_(service->wire()),
      reader_(tracker_, wire_),
      follower_(service->feed(), &reader_),
      id_limit_(wire_.slot_count),
      held_(wire_),
      known_limit_(wire_.slot_count) {}

absl::Status Watcher::Init(const v1::WatchRequest& request) {
  FilterOptions options;
  options.allow_time_fields = false;
  options.slot_count = wire_.slot_count;
  options.sensor_index = [this](absl::string_view id) { return wire_.sensors->IndexOf(id); };
  absl::StatusOr<Filter> filter = Filter::Compile(request.filter(), options);
  if (!filter.ok()) return filter.status();
  filter_ = *std::move(filter);
  if (absl::Status status = SetTypes(request); !status.ok()) return status;
  std::vector<uint64_t> next(wire_.slot_count);
  std::vector<uint64_t> first_retained(wire_.slot_count);
  for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) {
    const SlotMark mark = tracker_->Mark(slot);
    next[slot] = mark.sequence + 1;
    id_limit_[slot] = mark.next_id;
    first_retained[slot] = mark.first_retained;
  }
  reader_.MoveTo(next);
  if (request.start_case() == v1::WatchRequest::kSnapshot && request.snapshot()) {
    snapshot_ = Snapshot::kScanning;
  }
  if (request.start_case() != v1::WatchRequest::kResumeToken) return absl::OkStatus();

  const absl::StatusOr<ResumeToken> token =
      DecodeResumeToken(request.resume_token(), wire_.slot_count);
  if (!token.ok()) return token.status();
  const bool of_this_run = token->epoch == tracker_->options().epoch;
  bool valid = of_this_run;
  for (uint32_t slot = 0; slot < wire_.slot_count; ++slot) {
    const uint64_t wanted = token->sequences[slot] + 1;
    valid = valid && wanted >= first_retained[slot] && wanted <= next[slot];
    next[slot] = wanted;
  }
  if (!valid) {
    WatchStats* const stats = service_->stats();
    (of_this_run ? stats->tokens_too_old : stats->tokens_of_earlier_runs).fetch_add(1);
    reader_.MoveTo(std::move(first_retained));
    return TooOld();
  }
  known_limit_ = id_limit_;
  reader_.MoveTo(std::move(next));
  return absl::OkStatus();
}

absl::Status Watcher::SetTypes(const v1::WatchRequest& request) {
  if (request.event_types().empty()) return absl::OkStatus();
  types_ = 0;
  for (const int type : request.event_types()) {
    if (type == v1::EVENT_TYPE_UNSPECIFIED || !v1::EventType_IsValid(type)) {
      return absl::InvalidArgumentError(
          absl::StrCat("event_types: ", type, " is no type of events"));
    }
    types_ |= 1u << type;
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
  ResumeToken token{tracker_->options().epoch, reader_.next()};
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
  // What an idle watcher sent last is not kept for it.
  response_.Clear();
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
    if (reader_.HasMore()) continue;
    if (draining) return FinishOnce(absl::UnavailableError("the server drains"));
    service_->idle_count()->fetch_add(1);
    // Whoever makes an event from here on sees that somebody waits for it.
    Activity expected = Activity::kBusy;
    if (!reader_.HasMore() && activity_.compare_exchange_strong(expected, Activity::kIdle)) return;
    service_->idle_count()->fetch_sub(1);
  }
}

bool Watcher::FillNext() {
  while (failure_.ok()) {
    switch (snapshot_) {
      case Snapshot::kNone:
        return FillBookmark() || FillEvents();
      case Snapshot::kScanning:
        ScanSnapshot();
        break;
      case Snapshot::kHeld:
        // Events that the held rows contain already go first.
        if (reader_.next()[held_step_.slot] <= held_step_.sequence) {
          reader_.BeginWith(held_step_.slot);
          if (FillEvents()) return true;
          break;
        }
        snapshot_ = held_step_.more ? Snapshot::kScanning : Snapshot::kEnding;
        if (held_.empty()) break;
        ReleaseHeld();
        return true;
      case Snapshot::kEnding:
        FillSnapshotEnd();
        return true;
    }
  }
  return false;
}

bool Watcher::FillEvents() {
  if (snapshot_ == Snapshot::kNone && filter_.matches_all() && types_ == kAllTypes) {
    const std::shared_ptr<const WatchMessage> message = follower_.Next();
    if (message != nullptr) FillWith(*message);
    return message != nullptr;
  }
  const std::optional<WatchMessage> message =
      reader_.Read([this](uint32_t slot) { return EndOf(slot); },
                   [this](const Event& event, uint32_t slot) { return Show(event, slot); });
  if (!message.has_value()) return false;
  if (message->lost > 0) ForgetMatches(message->ranges);
  FillWith(*message);
  return true;
}

void Watcher::FillWith(const WatchMessage& message) {
  response_ = message.bytes;
  service_->stats()->sent_events.fetch_add(message.events);
  service_->stats()->lost_events.fetch_add(message.lost);
}

void Watcher::FillWith(const v1::WatchResponse& response) {
  bool own_buffer = false;
  const grpc::Status serialized =
      grpc::SerializationTraits<v1::WatchResponse>::Serialize(response, &response_, &own_buffer);
  CT_CHECK(serialized.ok());
}

uint64_t Watcher::EndOf(uint32_t slot) const {
  // What happened to the held rows after they were read comes after them.
  if (snapshot_ == Snapshot::kHeld && slot == held_step_.slot) return held_step_.sequence + 1;
  return EventReader::kNoEnd;
}

Shown Watcher::Show(const Event& event, uint32_t slot) {
  const Shown shown = Judge(event, slot);
  const bool left = shown == Shown::kAsLeft;
  // The numbers of the tracker's types are the wire's.
  const auto type = left ? v1::EVENT_TYPE_LEFT : static_cast<v1::EventType>(event.type);
  return Wants(type) ? shown : Shown::kNot;
}

Shown Watcher::Judge(const Event& event, uint32_t slot) {
  if (filter_.matches_all()) return Shown::kAsItIs;
  const ConnectionRef connection = event.connection.ref();
  if (filter_.Matches(connection, event.now)) {
    if (event.type == EventType::kDestroy) {
      matching_.erase(connection.id());
    } else {
      AddMatch(connection.id());
    }
    return Shown::kAsItIs;
  }
  const bool known = matching_.erase(connection.id()) > 0 ||
                     (event.type != EventType::kNew && connection.id() < known_limit_[slot]);
  return known ? Shown::kAsLeft : Shown::kNot;
}

void Watcher::AddMatch(uint64_t id) {
  matching_.insert(id);
  const size_t max = service_->options().matches_max;
  if (matching_.size() <= max) return;
  failure_ = absl::ResourceExhaustedError(
      absl::StrCat("the filter matches more than watch_matches_max = ", max, " connections"));
}

void Watcher::ForgetMatches(const std::vector<SlotRange>& lost) {
  if (matching_.empty()) return;
  std::vector<bool> forgotten(wire_.slot_count);
  for (const SlotRange& range : lost) {
    known_limit_[range.slot] = tracker_->Mark(range.slot).next_id;
    forgotten[range.slot] = true;
  }
  absl::erase_if(matching_, [&](uint64_t id) { return forgotten[id % wire_.slot_count]; });
}

void Watcher::ScanSnapshot() {
  rows_.clear();
  rows_.reserve(kRowsPerStep);
  const uint64_t id_limit = id_limit_[position_.slot];
  // What is due but has not ended as well: its end is still to come, and until then a
  // packet that was late may let it live on, which no event may tell of.
  const ScanStepOptions step{.server_now = service_->clock()->Now(),
                             .filter = &filter_,
                             .places_max = std::min(kPlacesPerStep, PlacesPerStep(filter_)),
                             .visits_max = kRowsPerStep,
                             .expired_too = true};
  held_step_ = tracker_->Scan(&position_, step, [&](const ConnectionRef& connection, Time now) {
    if (connection.id() >= id_limit) return;
    rows_.push_back({connection.Copy(), now});
  });
  for (const Row& row : rows_) held_.Add(row.connection.ref(), row.now);
  snapshot_ = Snapshot::kHeld;
}

void Watcher::ReleaseHeld() {
  response_ = held_.Take();
  snapshot_connections_ += rows_.size();
  if (filter_.matches_all()) return;
  for (const Row& row : rows_) AddMatch(row.connection.extra.id);
}

void Watcher::FillSnapshotEnd() {
  v1::WatchResponse response;
  response.mutable_snapshot_end()->set_connections(snapshot_connections_);
  response.mutable_snapshot_end()->set_resume_token(Token());
  FillWith(response);
  snapshot_ = Snapshot::kNone;
}

bool Watcher::FillBookmark() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_bookmark_ < kBookmarkInterval) return false;
  last_bookmark_ = now;
  v1::WatchResponse response;
  response.mutable_bookmark()->set_resume_token(Token());
  FillWith(response);
  return true;
}

}  // namespace conntrack
