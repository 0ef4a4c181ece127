#include "server/tracker/tracker.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "server/tracker/check.h"
#include "server/tracker/icmp.h"

namespace conntrack {
namespace {

// Packets handled together: enough to visit each of 256 slots for a good number
// of packets, few enough to stay in the cache.
constexpr size_t kChunkPackets = 4096;
// Packets whose connections are loaded together, before the first of them is
// tracked: enough loads at a time to hide how long each takes.
constexpr size_t kWindowPackets = 256;

constexpr Verdict Invalid(InvalidReason reason) {
  return {VerdictKind::kInvalid, Direction::kOriginal, reason};
}

std::optional<DirectedKey> KeyOf(const Zone& zone, const Packet& packet) {
  return MakeKey(zone.index, packet.family, packet.protocol, packet.source, packet.destination,
                 packet.ports);
}

// Of the packet that an ICMP error quotes.
std::optional<DirectedKey> KeyOfQuote(const Zone& zone, const Packet& packet) {
  const Quote& quote = *packet.quote;
  return MakeKey(zone.index, packet.family, quote.protocol, quote.source, quote.destination,
                 quote.ports);
}

// Nullopt when the verdict does not depend on a connection.
std::optional<DirectedKey> KeyOfIcmp(const Zone& zone, const Packet& packet, bool* is_error,
                                     Verdict* verdict) {
  switch (KindOfIcmp(packet)) {
    case IcmpKind::kError: {
      *is_error = true;
      const InvalidReason reason = CheckIcmpError(packet);
      *verdict =
          Invalid(reason != InvalidReason::kNone ? reason : InvalidReason::kIcmpErrorUnknown);
      if (reason != InvalidReason::kNone) return std::nullopt;
      return KeyOfQuote(zone, packet);
    }
    case IcmpKind::kUntracked:
      *verdict = {VerdictKind::kUntracked};
      return std::nullopt;
    case IcmpKind::kInvalid:
      *verdict = Invalid(InvalidReason::kIcmpType);
      return std::nullopt;
    default:
      return KeyOf(zone, packet);
  }
}

}  // namespace

// What is found out about a packet before it comes to its slot. Its key is made
// again there: that is cheaper than to keep it.
struct Tracker::Prepared {
  uint64_t hash;
  Time now;
  uint16_t slot;
  Family family;
  bool is_error;
};

// Memory of one thread for the packets of one chunk.
struct Tracker::Scratch {
  // Instead of a slot.
  static constexpr uint16_t kDecided = UINT16_MAX;

  std::vector<Prepared> prepared;
  // Packet indexes, ordered by slot, then by place in the batch.
  std::vector<uint32_t> order;
  // First place in `order` of each slot, and one past the last.
  std::vector<uint32_t> begin;

  // Orders the packets that are not decided yet.
  void OrderBySlot(uint32_t slot_count) {
    begin.assign(slot_count + 1, 0);
    for (const Prepared& entry : prepared) {
      if (entry.slot != kDecided) ++begin[entry.slot + 1];
    }
    for (uint32_t slot = 0; slot < slot_count; ++slot) begin[slot + 1] += begin[slot];
    order.resize(begin[slot_count]);
    for (uint32_t i = 0; i < prepared.size(); ++i) {
      if (prepared[i].slot != kDecided) order[begin[prepared[i].slot]++] = i;
    }
    // Each begin has moved to its end: the begin of the next.
    for (uint32_t slot = slot_count; slot > 0; --slot) begin[slot] = begin[slot - 1];
    begin[0] = 0;
  }
};

// Calls visit(slot, packets) for each slot of a window.
template <typename Visit>
void Tracker::ForEachGroup(std::span<const uint32_t> window, const Scratch& scratch, Visit visit) {
  for (size_t begin = 0; begin < window.size();) {
    const uint16_t slot = scratch.prepared[window[begin]].slot;
    size_t end = begin + 1;
    while (end < window.size() && scratch.prepared[window[end]].slot == slot) ++end;
    visit(slot, window.subspan(begin, end - begin));
    begin = end;
  }
}

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
  return zone_settings.Validate();
}

Tracker::Tracker(const TrackerOptions& options)
    : options_(options),
      event_budget_(options.event_bytes_max),
      published_(std::make_unique<Published[]>(options.slot_count)),
      zones_(std::make_unique<std::unique_ptr<Zone>[]>(options.zones_max)) {
  CT_CHECK(options.Validate().ok());
  const ZoneOf zone_of = [this](ZoneIndex index) -> Zone& { return *zones_[index]; };
  slots_.reserve(options.slot_count);
  for (uint32_t number = 0; number < options.slot_count; ++number) {
    const Slot::Options slot{number, options.slot_count, options.epoch};
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
                      std::span<Verdict> verdicts) {
  CT_CHECK(verdicts.size() == packets.size());
  CT_CHECK(batch.zone < zone_count());
  Zone& zone = *zones_[batch.zone];
  // One for each thread that ever calls, so that no batch allocates.
  thread_local Scratch scratch;
  while (!packets.empty()) {
    const size_t count = std::min(packets.size(), kChunkPackets);
    const std::span<const Packet> chunk = packets.first(count);
    const std::span<Verdict> answers = verdicts.first(count);
    const Time chunk_end = Prepare(zone, batch, chunk, answers, &scratch);
    scratch.OrderBySlot(options_.slot_count);
    TrackChunk(&zone, batch.sensor, chunk, answers, scratch);
    // Only now: Expire, in another thread, must not use a time that packets not
    // yet tracked come before.
    if (zone.clock == ZoneClock::kPacket) zone.Advance(chunk_end);
    PacketCounts counts;
    for (const Verdict& verdict : answers) counts.Count(verdict);
    zone.Add(counts);
    packets = packets.subspan(count);
    verdicts = verdicts.subspan(count);
  }
}

bool Tracker::FailsChecksum(const Zone& zone, const Packet& packet) const {
  if ((packet.flags & packet_flag::kChecksumBad) == 0) return false;
  // Settings are read under any slot's lock; few packets come so far.
  const MutexLock lock(&slots_[0]->mutex());
  return zone.settings.checksum;
}

Time Tracker::Prepare(const Zone& zone, const Batch& batch, std::span<const Packet> packets,
                      std::span<Verdict> verdicts, Scratch* scratch) const {
  scratch->prepared.resize(packets.size());
  Time packet_now = zone.now.load(std::memory_order_relaxed);
  for (size_t i = 0; i < packets.size(); ++i) {
    const Packet& packet = packets[i];
    Prepared& entry = scratch->prepared[i];
    packet_now = std::max(packet_now, packet.time);
    entry.now = zone.clock == ZoneClock::kServer ? batch.server_now : packet_now;
    entry.family = packet.family;
    entry.is_error = false;
    entry.slot = Scratch::kDecided;
    std::optional<DirectedKey> key;
    if ((packet.flags & packet_flag::kMalformed) != 0) {
      verdicts[i] = Invalid(packet.malformed);
    } else if (packet.protocol == kProtocolIcmp || packet.protocol == kProtocolIcmpv6) {
      key = KeyOfIcmp(zone, packet, &entry.is_error, &verdicts[i]);
      const bool untracked = !key.has_value() && verdicts[i].kind == VerdictKind::kUntracked;
      if (untracked && FailsChecksum(zone, packet)) verdicts[i] = Invalid(InvalidReason::kChecksum);
    } else {
      key = KeyOf(zone, packet);
    }
    if (!key.has_value()) continue;
    entry.hash = TableHash(options_.table_secret, key->key);
    entry.slot = static_cast<uint16_t>(SlotOfKey(zone, key->key));
  }
  return packet_now;
}

void Tracker::TrackChunk(Zone* zone, uint16_t sensor, std::span<const Packet> packets,
                         std::span<Verdict> verdicts, const Scratch& scratch) {
  const std::span<const uint32_t> order(scratch.order);
  for (size_t begin = 0; begin < order.size();) {
    // A window ends with a slot.
    size_t end = std::min(begin + kWindowPackets, order.size());
    while (end < order.size() &&
           scratch.prepared[order[end]].slot == scratch.prepared[order[end - 1]].slot) {
      ++end;
    }
    const std::span<const uint32_t> window = order.subspan(begin, end - begin);
    for (const uint32_t i : window) {
      const Prepared& entry = scratch.prepared[i];
      slots_[entry.slot]->PrefetchBucket(entry.family, entry.hash);
      Prefetch(&packets[i]);
    }
    ForEachGroup(window, scratch, [&](uint32_t number, std::span<const uint32_t> group) {
      PrefetchInSlot(number, group, scratch);
    });
    ForEachGroup(window, scratch, [&](uint32_t number, std::span<const uint32_t> group) {
      TrackInSlot(number, zone, sensor, group, scratch, packets, verdicts);
    });
    begin = end;
  }
}

void Tracker::PrefetchInSlot(uint32_t number, std::span<const uint32_t> group,
                             const Scratch& scratch) {
  Slot& slot = *slots_[number];
  const MutexLock lock(&slot.mutex());
  for (const uint32_t i : group) {
    slot.PrefetchRecord(scratch.prepared[i].family, scratch.prepared[i].hash);
  }
}

void Tracker::TrackInSlot(uint32_t number, Zone* zone, uint16_t sensor,
                          std::span<const uint32_t> group, const Scratch& scratch,
                          std::span<const Packet> packets, std::span<Verdict> verdicts) {
  Slot& slot = *slots_[number];
  const MutexLock lock(&slot.mutex());
  for (const uint32_t i : group) {
    const Prepared& entry = scratch.prepared[i];
    const TrackContext context{zone, entry.now, sensor};
    verdicts[i] =
        entry.is_error
            ? slot.TrackError(packets[i], *KeyOfQuote(*zone, packets[i]), entry.hash, context)
            : slot.Track(packets[i], *KeyOf(*zone, packets[i]), entry.hash, context);
  }
  Publish(number, slot);
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
  if (!key.has_value()) return std::nullopt;
  Slot& slot = *slots_[SlotOfKey(*zones_[zone], key->key)];
  const MutexLock lock(&slot.mutex());
  return slot.Find(key->key, TableHash(options_.table_secret, key->key), server_now);
}

std::optional<StoredConnection> Tracker::FindId(uint64_t id, Time server_now) {
  const absl::StatusOr<Filter> filter = Filter::Compile(absl::StrCat("id = ", id), FilterOptions());
  CT_CHECK(filter.ok());
  const ScanStepOptions step{.server_now = server_now, .filter = &*filter, .places_max = 512};
  const auto slot = static_cast<uint32_t>(id % options_.slot_count);
  ScanPosition position{slot, 0};
  std::optional<StoredConnection> found;
  while (!found.has_value() && position.slot == slot) {
    Scan(&position, step,
         [&](const ConnectionRef& connection, Time) { found = connection.Copy(); });
  }
  return found;
}

ScanStep Tracker::Scan(ScanPosition* position, size_t places_max, Time server_now,
                       absl::FunctionRef<void(const ConnectionRef&)> visit) {
  return Scan(position, {.server_now = server_now, .places_max = places_max},
              [&](const ConnectionRef& connection, Time) { visit(connection); });
}

ScanStep Tracker::Scan(ScanPosition* position, const ScanStepOptions& options, ScanVisit visit) {
  ScanStep step;
  step.slot = position->slot;
  if (position->slot >= options_.slot_count) return step;
  Slot& slot = *slots_[position->slot];
  // The step before was most likely in the same slot.
  slot.mutex().GiveWay();
  const MutexLock lock(&slot.mutex());
  const bool more = slot.Scan(&position->place, options, visit);
  step.sequence = slot.events().last_sequence();
  if (!more) *position = {position->slot + 1, 0};
  step.more = position->slot < options_.slot_count;
  return step;
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
