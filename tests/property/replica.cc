#include "tests/property/replica.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/resume_token.h"
#include "tests/testing/essence.h"

namespace conntrack::testing {
namespace {

constexpr size_t kFaultsMax = 100;
// Ids only grow, and nobody speaks of those that ended long ago.
constexpr size_t kEndedMax = 10'000;

}  // namespace

uint64_t EssenceNumber(const v1::Connection& connection) {
  return std::hash<std::string>()(EssenceOf(connection).SerializeAsString());
}

Replica::Replica(uint32_t slot_count, bool filtered, bool snapshot)
    : slot_count_(slot_count), filtered_(filtered), snapshot_ended_(!snapshot) {
  for (uint32_t slot = 0; slot < slot_count; ++slot) slots_[slot].lossy = !snapshot;
}

uint64_t PacketsOf(const v1::Connection& connection) {
  return connection.original_counters().packets() + connection.reply_counters().packets();
}

void Replica::Fault(std::string text) {
  if (faults_.size() < kFaultsMax) faults_.push_back(std::move(text));
}

void Replica::Take(const v1::WatchResponse& response) {
  switch (response.message_case()) {
    case v1::WatchResponse::kSnapshot:
      TakeSnapshot(response.snapshot());
      break;
    case v1::WatchResponse::kSnapshotEnd:
      if (snapshot_ended_) Fault("a second end of the snapshot");
      if (response.snapshot_end().connections() != snapshot_ids_.size()) {
        Fault(absl::StrCat("the snapshot had ", snapshot_ids_.size(), " connections, not ",
                           response.snapshot_end().connections()));
      }
      snapshot_ended_ = true;
      TakeToken(response.snapshot_end().resume_token());
      for (auto& [number, slot] : slots_) slot.base = slot.next - 1;
      break;
    case v1::WatchResponse::kEvents:
      TakeEvents(response.events());
      break;
    case v1::WatchResponse::kBookmark:
      TakeToken(response.bookmark().resume_token());
      ++bookmarks_;
      break;
    case v1::WatchResponse::kLoss:
      for (const v1::SequenceRange& range : response.loss().ranges()) {
        Cover(range);
        lost_ += range.last_sequence() - range.first_sequence() + 1;
        Note(&slots_[range.slot()], {Entry::Kind::kLoss, range.first_sequence()});
      }
      break;
    case v1::WatchResponse::MESSAGE_NOT_SET:
      Fault("an empty message");
  }
}

void Replica::TakeToken(const std::string& token) {
  token_ = token;
  const absl::StatusOr<ResumeToken> places = DecodeResumeToken(token, slot_count_);
  if (!places.ok()) return Fault(places.status().ToString());
  for (uint32_t number = 0; number < slot_count_; ++number) {
    Slot& slot = slots_[number];
    const uint64_t next = places->sequences[number] + 1;
    if (slot.next == 0) {
      slot.base = next - 1;
    } else if (slot.next != next) {
      Fault(absl::StrCat("a place to resume from is before ", number, "/", next, ", not before ",
                         slot.next));
    }
    slot.next = next;
  }
}

void Replica::TakeSnapshot(const v1::SnapshotBatch& batch) {
  if (snapshot_ended_) Fault("a snapshot after its end");
  for (const v1::Connection& connection : batch.connections()) {
    Slot& slot = slots_[connection.slot()];
    const uint64_t id = connection.id();
    if (slot.ended.count(id) > 0) Fault(absl::StrCat("connection ", id, " came after its end"));
    if (slot.left.count(id) > 0) Fault(absl::StrCat("connection ", id, " came after it left"));
    if (!snapshot_ids_.insert(id).second) Fault(absl::StrCat("connection ", id, " came twice"));
    Note(&slot, {Entry::Kind::kPut, 0, id, EssenceNumber(connection)});
  }
}

void Replica::TakeEvents(const v1::EventBatch& batch) {
  std::map<uint32_t, v1::SequenceRange> ranges;
  std::map<uint32_t, uint64_t> last;
  for (const v1::SequenceRange& range : batch.ranges()) {
    Cover(range);
    if (!ranges.emplace(range.slot(), range).second) {
      Fault(absl::StrCat("two ranges of slot ", range.slot(), " in one message"));
    }
    last[range.slot()] = range.first_sequence() - 1;
  }
  for (const v1::Event& event : batch.events()) {
    const auto range = ranges.find(event.slot());
    if (range == ranges.end() || event.sequence() > range->second.last_sequence() ||
        event.sequence() < range->second.first_sequence()) {
      Fault(absl::StrCat("event ", event.slot(), "/", event.sequence(), " lies in no range"));
      continue;
    }
    uint64_t& before = last[event.slot()];
    const bool follows = filtered_ ? event.sequence() > before : event.sequence() == before + 1;
    if (!follows) {
      Fault(absl::StrCat("event ", event.slot(), "/", event.sequence(), " after ", before));
    }
    before = event.sequence();
    TakeEvent(event);
  }
  for (const auto& [number, range] : ranges) {
    if (!filtered_ && last[number] != range.last_sequence()) {
      Fault(absl::StrCat("slot ", number, " has events up to ", last[number], " in a range up to ",
                         range.last_sequence()));
    }
  }
}

void Replica::TakeEvent(const v1::Event& event) {
  ++events_;
  Slot& slot = slots_[event.slot()];
  const uint64_t id = event.connection().id();
  const bool known = slot.ids.count(id) > 0;
  const std::string name = absl::StrCat("event ", event.slot(), "/", event.sequence(), " (",
                                        v1::EventType_Name(event.type()), " of ", id, ")");
  if (slot.ended.count(id) > 0) Fault(absl::StrCat(name, " after its end"));
  switch (event.type()) {
    case v1::EVENT_TYPE_NEW:
      if (known) Fault(absl::StrCat(name, " is a double"));
      break;
    case v1::EVENT_TYPE_LEFT:
      if (!filtered_) Fault(absl::StrCat(name, " without a filter"));
      if (!known && !slot.lossy) Fault(absl::StrCat(name, " was not here"));
      break;
    default:
      break;
  }
  Entry::Kind kind = Entry::Kind::kPut;
  if (event.type() == v1::EVENT_TYPE_DESTROY) kind = Entry::Kind::kEnd;
  if (event.type() == v1::EVENT_TYPE_LEFT) kind = Entry::Kind::kLeave;
  Note(&slot, {kind, event.sequence(), id, EssenceNumber(event.connection())});
}

void Replica::Cover(const v1::SequenceRange& range) {
  Slot& slot = slots_[range.slot()];
  if (slot.next != 0 && range.first_sequence() != slot.next) {
    Fault(absl::StrCat("slot ", range.slot(), " goes on with ", range.first_sequence(), ", not ",
                       slot.next));
  }
  if (range.first_sequence() > range.last_sequence()) {
    Fault(absl::StrCat("slot ", range.slot(), " has an empty range"));
  }
  if (slot.next == 0) slot.base = range.first_sequence() - 1;
  slot.next = range.last_sequence() + 1;
  if (!snapshot_ended_) slot.base = range.last_sequence();
}

void Replica::Note(Slot* slot, const Entry& entry) {
  switch (entry.kind) {
    case Entry::Kind::kPut:
      slot->ids.insert(entry.id);
      // What left may match again.
      slot->left.erase(entry.id);
      break;
    case Entry::Kind::kLeave:
      slot->ids.erase(entry.id);
      if (!snapshot_ended_) slot->left.insert(entry.id);
      break;
    case Entry::Kind::kEnd:
      slot->ids.erase(entry.id);
      slot->left.erase(entry.id);
      slot->ended.insert(entry.id);
      if (slot->ended.size() > kEndedMax) slot->ended.erase(slot->ended.begin());
      break;
    case Entry::Kind::kLoss:
      slot->lossy = true;
      break;
  }
  // During a snapshot there is no table of any one time.
  if (snapshot_ended_) {
    slot->journal.push_back(entry);
  } else {
    Apply(slot, entry);
  }
}

void Replica::Apply(Slot* slot, const Entry& entry) {
  switch (entry.kind) {
    case Entry::Kind::kPut:
      slot->rows[entry.id] = {entry.essence, entry.packets, true};
      break;
    case Entry::Kind::kLeave:
    case Entry::Kind::kEnd:
      slot->rows.erase(entry.id);
      break;
    case Entry::Kind::kLoss:
      for (auto& [id, row] : slot->rows) row.fresh = false;
      break;
  }
}

bool Replica::Reaches(uint32_t slot, uint64_t sequence) const {
  const auto found = slots_.find(slot);
  return snapshot_ended_ && found != slots_.end() && found->second.next > sequence;
}

bool Replica::BeginsBehind(uint32_t slot, uint64_t sequence) const {
  const auto found = slots_.find(slot);
  return found != slots_.end() && found->second.base > sequence;
}

void Replica::Compare(uint32_t number, const ExportedSlot& exported) {
  Slot& slot = slots_[number];
  ++compared_;
  while (!slot.journal.empty() && slot.journal.front().sequence <= exported.sequence) {
    Apply(&slot, slot.journal.front());
    slot.journal.pop_front();
  }
  slot.base = exported.sequence;
  const std::string at = absl::StrCat(" at ", number, "/", exported.sequence);
  for (const auto& [id, row] : slot.rows) {
    if (!row.fresh) continue;
    const auto found = exported.rows.find(id);
    if (found == exported.rows.end()) {
      Fault(absl::StrCat("connection ", id, " is here and not in the export", at));
    } else if (found->second.essence != row.essence) {
      Fault(absl::StrCat("connection ", id, " is not as in the export", at));
    } else if (found->second.packets < row.packets) {
      Fault(absl::StrCat("connection ", id, " has ", row.packets, " packets, more than ",
                         found->second.packets, " in the export", at));
    }
  }
  for (const auto& [id, row] : exported.rows) {
    if (slot.rows.count(id) > 0 || slot.lossy) continue;
    Fault(absl::StrCat("connection ", id, " is missing", at));
  }
}

}  // namespace conntrack::testing
