#include "server/tracker/tracker.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/tracker/check.h"

namespace conntrack {
namespace {

// Packets handled together: enough to visit each of 256 slots for a good number
// of packets, few enough to stay in the cache.
constexpr size_t kChunkPackets = 8192;
// Packets in one step: enough to wait for their memory together, few enough that
// what three steps load stays in the first cache.
constexpr size_t kBundlePackets = 8;
// Packets from one step of a turn to the next: enough that a thread that waits for
// another is not woken for little, and keeps away from the lines that it writes.
constexpr size_t kTurnPackets = 1024;

}  // namespace

// Memory of one thread for the packets of one chunk.
struct Tracker::Scratch {
  std::vector<Arrival> arrivals;
  // Of a zone on packet time: its clock for each packet.
  std::vector<Time> packet_now;
  // Places of packets in the chunk, ordered by slot, then by place.
  std::vector<uint16_t> order;
  // The slots that have packets.
  std::vector<Group> groups;
  // By slot: where its packets begin in `order`.
  std::vector<uint32_t> begin;

  // Moves a packet clock that says `now` along with the packets.
  void FillPacketNow(std::span<const Packet> packets, Time now) {
    for (const Packet& packet : packets) {
      now = std::max(now, packet.time);
      packet_now.push_back(now);
    }
  }

  // Orders the packets that are not decided.
  void OrderBySlot(uint32_t slot_count) {
    begin.assign(slot_count, 0);
    for (const Arrival& arrival : arrivals) {
      if (arrival.slot != Arrival::kDecided) ++begin[arrival.slot];
    }
    groups.clear();
    uint32_t end = 0;
    for (uint32_t slot = 0; slot < slot_count; ++slot) {
      const uint32_t count = std::exchange(begin[slot], end);
      if (count > 0) groups.push_back({slot, end, count});
      end += count;
    }
    order.resize(end);
    for (size_t i = 0; i < arrivals.size(); ++i) {
      const uint16_t slot = arrivals[i].slot;
      if (slot != Arrival::kDecided) order[begin[slot]++] = static_cast<uint16_t>(i);
    }
  }
};

absl::Status TrackerOptions::Validate() const {
  if (!std::has_single_bit(slot_count) || slot_count > 4096) {
    return absl::InvalidArgumentError(
        absl::StrCat("slot_count ", slot_count, " is not a power of two from 1 to 4096"));
  }
  if (zones_max < 1 || zones_max > 65'535) {
    return absl::InvalidArgumentError(
        absl::StrCat("zones_max ", zones_max, " is not between 1 and 65535"));
  }
  if (epoch == 0) return absl::InvalidArgumentError("epoch is 0");
  if (breakdowns.size() > Breakdowns::kMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(breakdowns.size(), " breakdowns are more than ", Breakdowns::kMax));
  }
  for (const BreakdownOptions& breakdown : breakdowns) {
    if (absl::Status status = breakdown.grouping.CheckFixed(); !status.ok()) return status;
  }
  return zone_settings.Validate();
}

Tracker::Tracker(const TrackerOptions& options)
    : options_(options),
      event_budget_(options.event_bytes_max),
      breakdowns_(options.breakdowns),
      published_(std::make_unique<Published[]>(options.slot_count)),
      zones_(std::make_unique<std::unique_ptr<Zone>[]>(options.zones_max)) {
  CT_CHECK(options.Validate().ok());
  const ZoneOf zone_of = [this](ZoneIndex index) -> Zone& { return *zones_[index]; };
  slots_.reserve(options.slot_count);
  for (uint32_t number = 0; number < options.slot_count; ++number) {
    const Slot::Options slot{number, options.slot_count, options.epoch,
                             options.breakdowns.empty() ? nullptr : &breakdowns_};
    slots_.push_back(std::make_unique<Slot>(slot, zone_of, &memory_, &event_budget_));
  }
}

absl::StatusOr<ZoneIndex> Tracker::OpenZone(uint32_t id, std::optional<ZoneClock> clock,
                                            const ZoneSettings& settings) {
  if (absl::Status status = settings.Validate(); !status.ok()) return status;
  const MutexLock lock(&zones_mutex_);
  if (const auto found = zone_index_.find(id); found != zone_index_.end()) {
    const Zone& zone = *zones_[found->second];
    if (clock.has_value() && *clock != zone.clock) {
      return absl::FailedPreconditionError(
          absl::StrCat("zone ", id, " runs on ",
                       zone.clock == ZoneClock::kServer ? "server" : "packet", " time"));
    }
    return found->second;
  }
  const ZoneIndex index = zone_count_.load(std::memory_order_relaxed);
  if (index >= options_.zones_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("zone ", id, " would be one more than the ", options_.zones_max, " allowed"));
  }
  zones_[index] = std::make_unique<Zone>(id, index, clock.value_or(ZoneClock::kServer), settings);
  zone_index_[id] = index;
  zone_count_.store(static_cast<ZoneIndex>(index + 1), std::memory_order_release);
  return index;
}

std::optional<ZoneIndex> Tracker::FindZone(uint32_t id) const {
  const MutexLock lock(&zones_mutex_);
  const auto found = zone_index_.find(id);
  if (found == zone_index_.end()) return std::nullopt;
  return found->second;
}

ZoneSettings Tracker::GetZoneSettings(ZoneIndex index) {
  const MutexLock lock(&slots_[0]->mutex());
  return zones_[index]->settings;
}

absl::Status Tracker::SetZoneSettings(ZoneIndex index,
                                      const ZoneSettings& settings) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (absl::Status status = settings.Validate(); !status.ok()) return status;
  for (const auto& slot : slots_) slot->mutex().Lock();
  zones_[index]->settings = settings;
  for (const auto& slot : slots_) slot->mutex().Unlock();
  return absl::OkStatus();
}

void Tracker::Process(const Batch& batch, std::span<const Packet> packets,
                      std::span<Verdict> verdicts, Turn* turn) {
  CT_CHECK(verdicts.size() == packets.size());
  CT_CHECK(batch.zone < zone_count());
  Zone& zone = *zones_[batch.zone];
  // One for each thread that ever calls, so that no batch allocates.
  thread_local Scratch scratch;
  const Classifier classifier = ClassifierOf(zone);
  // Packets move this clock, from where those before them left it.
  if (turn != nullptr && zone.clock == ZoneClock::kPacket) turn->WaitForAll();
  while (!packets.empty()) {
    const size_t most = std::min(packets.size(), kChunkPackets);
    scratch.arrivals.resize(most);
    const Classifier::Run run =
        classifier.Classify(packets.first(most), scratch.arrivals, verdicts.first(most));
    scratch.arrivals.resize(run.count);
    scratch.packet_now.clear();
    if (zone.clock == ZoneClock::kPacket) {
      scratch.FillPacketNow(packets.first(run.count), zone.now.load(std::memory_order_relaxed));
    }
    const Arrivals arrivals{.family = packets[0].family,
                            .zone = &zone,
                            .sensor = batch.sensor,
                            .server_now = batch.server_now,
                            .packet_now = scratch.packet_now,
                            .packets = packets.first(run.count),
                            .arrivals = scratch.arrivals,
                            .verdicts = verdicts.first(run.count)};
    PacketCounts counts;
    if (run.decided > 0) CountDecided(arrivals, &counts);
    scratch.OrderBySlot(options_.slot_count);
    TrackChunk(arrivals, scratch, run.count == packets.size(), turn, &counts);
    // Only now: Expire, in another thread, must not use a time that packets not
    // yet tracked come before.
    if (zone.clock == ZoneClock::kPacket) zone.Advance(scratch.packet_now.back());
    zone.Add(counts);
    packets = packets.subspan(run.count);
    verdicts = verdicts.subspan(run.count);
  }
  if (turn != nullptr) turn->LeaveAll();
}

void Tracker::CountDecided(const Arrivals& batch, PacketCounts* counts) {
  // Settings are read under any slot's lock.
  const MutexLock lock(&slots_[0]->mutex());
  for (size_t i = 0; i < batch.arrivals.size(); ++i) {
    if (batch.arrivals[i].slot != Arrival::kDecided) continue;
    Verdict& verdict = batch.verdicts[i];
    const bool bad = (batch.packets[i].flags & packet_flag::kChecksumBad) != 0;
    if (verdict.kind == VerdictKind::kUntracked && bad && batch.zone->settings.checksum) {
      verdict = Invalid(InvalidReason::kChecksum);
    }
    counts->Count(verdict);
  }
}

std::span<const Tracker::Group> Tracker::TakeBundle(std::span<const Group>* groups) {
  size_t packets = 0;
  size_t count = 0;
  while (count < groups->size() && packets < kBundlePackets) packets += (*groups)[count++].count;
  const std::span<const Group> bundle = groups->first(count);
  *groups = groups->subspan(count);
  return bundle;
}

void Tracker::TrackChunk(const Arrivals& batch, const Scratch& scratch, bool is_last, Turn* turn,
                         PacketCounts* counts) {
  const std::span<const uint16_t> order(scratch.order);
  const auto places = [&](const Group& group) { return order.subspan(group.begin, group.count); };
  // Three steps for each bundle, with those of the bundles before and after it between
  // them: what one step starts to load is there for the next.
  std::span<const Group> rest(scratch.groups);
  std::span<const Group> first;
  std::span<const Group> second;
  std::span<const Group> third;
  size_t tracked = 0;
  do {
    third = std::exchange(second, std::exchange(first, TakeBundle(&rest)));
    for (const Group& group : first) {
      slots_[group.slot]->PrefetchBuckets(places(group), batch);
    }
    for (const Group& group : second) {
      // Here, and not in the next step, so that the turn before keeps a bundle's distance.
      if (turn != nullptr) turn->WaitFor(group.slot);
      Slot& slot = *slots_[group.slot];
      const MutexLock lock(&slot.mutex());
      slot.PrefetchRecords(places(group), batch);
    }
    for (const Group& group : third) {
      Slot& slot = *slots_[group.slot];
      const MutexLock lock(&slot.mutex());
      slot.Track(places(group), batch, counts);
      Publish(group.slot, slot);
      tracked += group.count;
    }
    if (turn != nullptr && is_last && tracked >= kTurnPackets) {
      turn->Leave(third.back().slot + 1);
      tracked = 0;
    }
  } while (!first.empty() || !second.empty());
}

size_t Tracker::Expire(Time server_now, size_t limit_per_slot) {
  size_t expired = 0;
  for (uint32_t number = 0; number < options_.slot_count; ++number) {
    Slot& slot = *slots_[number];
    const MutexLock lock(&slot.mutex());
    expired += slot.Expire(server_now, limit_per_slot);
    Publish(number, slot);
  }
  return expired;
}

std::optional<StoredConnection> Tracker::Find(ZoneIndex zone, Family family, uint8_t protocol,
                                              const Address& source, const Address& destination,
                                              uint32_t ports, Time server_now) {
  const std::optional<DirectedKey> key =
      MakeKey(zone, family, protocol, source, destination, ports);
  return key.has_value() ? Find(key->key, server_now) : std::nullopt;
}

std::optional<StoredConnection> Tracker::Find(const Key& key, Time server_now) {
  const Classifier classifier = ClassifierOf(*zones_[key.zone]);
  Slot& slot = *slots_[classifier.SlotOf(key)];
  const MutexLock lock(&slot.mutex());
  return slot.Find(key, classifier.HashOf(key), server_now);
}

std::optional<StoredConnection> Tracker::FindVictim(const Key& key) {
  const Classifier classifier = ClassifierOf(*zones_[key.zone]);
  Slot& slot = *slots_[classifier.SlotOf(key)];
  const MutexLock lock(&slot.mutex());
  const RecordHandle victim = slot.FindVictim(key.family, classifier.HashOf(key), key.zone);
  if (victim == Table::kNone) return std::nullopt;
  return slot.Copy(victim);
}

std::optional<StoredConnection> Tracker::FindId(uint64_t id, Time server_now) {
  const ScanStepOptions step{.server_now = server_now, .places_max = 512};
  const auto slot = static_cast<uint32_t>(id % options_.slot_count);
  ScanPosition position{slot, 0};
  std::optional<StoredConnection> found;
  while (!found.has_value() && position.slot == slot) {
    Scan(&position, step, [&](const ConnectionRef& connection, Time) {
      if (connection.id() == id) found = connection.Copy();
    });
  }
  return found;
}

template <typename Work>
ScanStep Tracker::Step(ScanPosition* position, const ScanStepOptions& options, Work work) {
  ScanStep step;
  step.slot = position->slot;
  if (position->slot >= options_.slot_count) return step;
  if (options.filter != nullptr && !options.filter->MayMatchIn(position->slot)) {
    *position = {position->slot + 1, 0};
    step.more = position->slot < options_.slot_count;
    return step;
  }
  Slot& slot = *slots_[position->slot];
  // The step before was most likely in the same slot.
  slot.mutex().GiveWay();
  const MutexLock lock(&slot.mutex());
  const bool more = work(slot);
  step.sequence = slot.events().last_sequence();
  Publish(step.slot, slot);
  if (!more) *position = {position->slot + 1, 0};
  step.more = position->slot < options_.slot_count;
  return step;
}

// Step holds the lock of the slot that it hands out; the annotations cannot say so.
ScanStep Tracker::Scan(ScanPosition* position, const ScanStepOptions& options, ScanVisit visit) {
  return Step(position, options, [&](Slot& slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return slot.Scan(&position->place, options, visit);
  });
}

ScanStep Tracker::Apply(const ConnectionRequest& request, ScanPosition* position,
                        const ScanStepOptions& options, RequestCounts* counts) {
  return Step(position, options, [&](Slot& slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return slot.Apply(request, &position->place, options, counts);
  });
}

Restored Tracker::Restore(const StoredConnection& stored, ZoneIndex zone, Time server_now) {
  Key key = stored.ref().key();
  key.zone = zone;
  const Classifier classifier = ClassifierOf(*zones_[zone]);
  const uint16_t number = classifier.SlotOf(key);
  Slot& slot = *slots_[number];
  const MutexLock lock(&slot.mutex());
  const Restored restored = slot.Restore(stored, key, classifier.HashOf(key), zones_[zone].get(),
                                         NowOf(zone, server_now));
  Publish(number, slot);
  return restored;
}

SlotEvents Tracker::ReadEvents(uint32_t number, uint64_t sequence) {
  Slot& slot = *slots_[number];
  const MutexLock lock(&slot.mutex());
  const EventLog& log = slot.events();
  SlotEvents events{log.first_retained(), log.last_sequence(), {}};
  events.range = log.Read(std::max(sequence, events.first_retained));
  return events;
}

SlotMark Tracker::Mark(uint32_t number) {
  Slot& slot = *slots_[number];
  const MutexLock lock(&slot.mutex());
  const EventLog& log = slot.events();
  return {log.last_sequence(), log.first_retained(), slot.next_id() * options_.slot_count + number};
}

uint64_t Tracker::connections() const {
  uint64_t sum = 0;
  for (ZoneIndex index = 0; index < zone_count(); ++index) {
    sum += zones_[index]->connections.load(std::memory_order_relaxed);
  }
  return sum;
}

uint64_t Tracker::table_bytes() {
  uint64_t sum = memory_.bytes();
  for (const auto& slot : slots_) {
    const MutexLock lock(&slot->mutex());
    sum += slot->memory_bytes();
  }
  return sum;
}

}  // namespace conntrack
