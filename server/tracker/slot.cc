#include "server/tracker/slot.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "server/tracker/protocols.h"
#include "server/tracker/tcp.h"
#include "server/tracker/udp.h"

namespace conntrack {
namespace {

// Buckets of 12 that an eviction looks through: a bounded cost, as in the
// kernel, which looks through 8 chains.
constexpr size_t kEvictionBuckets = 8;
// Stale expiry entries may outnumber the live ones by this much.
constexpr size_t kStaleEntriesMin = 1024;

// Netfilter's ctstate of an accepted packet: an original packet is NEW until a
// reply was seen before it.
Verdict Accepted(Direction direction, bool seen_reply) {
  const bool is_new = direction == Direction::kOriginal && !seen_reply;
  return {is_new ? VerdictKind::kNew : VerdictKind::kEstablished, direction};
}

uint32_t Milliseconds(Duration duration) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// Record::timeout_ms holds no more: some 50 days.
constexpr Duration kTimeoutMost = std::chrono::milliseconds(UINT32_MAX);

Direction DirectionIn(const Record& record, const Arrival& arrival) {
  return DirectionOf(record, arrival.from_first, arrival.symmetric);
}

// The connection was answered, and its timeout is its protocol's.
bool IsAnswered(const Record& record) {
  constexpr uint16_t kBits = status_bit::kSeenReply | status_bit::kFixedTimeout;
  return (record.status & kBits) == status_bit::kSeenReply;
}

void Count(const Packet& packet, Counters* counters) {
  ++counters->packets;
  counters->bytes += packet.total_length;
}

}  // namespace

Slot::Slot(const Options& options, ZoneOf zone_of, Memory* memory, EventBudget* budget)
    : options_(options),
      zone_of_(std::move(zone_of)),
      next_id_(options.first_id),
      ipv4_(Family::kIpv4, memory),
      ipv6_(Family::kIpv6, memory),
      events_(budget),
      expiry_records_(this) {}

Arming* Slot::ExpiryRecords::Armed(RecordHandle handle) {
  Table& table = slot_->TableOf(handle);
  const uint32_t index = IndexOf(handle);
  return table.InUse(index) ? &table.record(index).arming : nullptr;
}

Time Slot::ExpiryRecords::Deadline(RecordHandle handle) const {
  return slot_->RecordOf(handle).deadline;
}

void Slot::ExpiryRecords::LoadFirst(RecordHandle handle) const {
  slot_->TableOf(handle).PrefetchWhole(IndexOf(handle));
}

void Slot::ExpiryRecords::LoadNext(RecordHandle handle) const {
  Table& table = slot_->TableOf(handle);
  const uint32_t index = IndexOf(handle);
  if (table.InUse(index)) table.PrefetchBucket(table.extra(index).hash);
}

Expiry& Slot::ExpiryOf(const Zone& zone) {
  if (zone.clock == ZoneClock::kServer) return server_expiry_;
  std::unique_ptr<Expiry>& expiry = packet_expiry_[zone.index];
  if (expiry == nullptr) expiry = std::make_unique<Expiry>();
  return *expiry;
}

Time Slot::NowOf(const Record& record, Time server_now) {
  const Zone& zone = zone_of_(record.zone);
  return zone.clock == ZoneClock::kServer ? server_now : zone.now.load(std::memory_order_relaxed);
}

void Slot::PrefetchBuckets(std::span<const uint16_t> places, const Arrivals& batch) const {
  const Table& table = TableOf(batch.family);
  // Another thread may have had it last.
  Prefetch(&mutex_);
  for (const uint16_t place : places) table.PrefetchBucket(batch.arrivals[place].hash);
}

void Slot::PrefetchRecords(std::span<const uint16_t> places, const Arrivals& batch) const {
  const Table& table = TableOf(batch.family);
  const bool full = batch.zone->IsFull();
  for (const uint16_t place : places) {
    Arrival& arrival = batch.arrivals[place];
    arrival.candidate = table.PrefetchRecord(arrival.hash);
    if (full && arrival.candidate == Table::kNone) table.PrefetchVictim(arrival.hash);
    Prefetch(&batch.packets[place].sequence);
  }
}

void Slot::Track(std::span<const uint16_t> places, const Arrivals& batch, PacketCounts* counts) {
  Expiry& expiry = ExpiryOf(*batch.zone);
  Table& table = TableOf(batch.family);
  uint64_t plain = 0;
  for (const uint16_t place : places) {
    const Packet& packet = batch.packets[place];
    const Arrival& arrival = batch.arrivals[place];
    Verdict& verdict = batch.verdicts[place];
    const Time now = batch.NowOf(place);
    if (expiry.next() > now && TrackPlain(packet, arrival, now, batch, &table, &expiry, &verdict)) {
      ++plain;
      continue;
    }
    verdict =
        TrackAny({packet, arrival, now, batch.zone, batch.sensor, batch.family, &table, &expiry});
    counts->Count(verdict);
  }
  counts->by_verdict[static_cast<size_t>(VerdictKind::kEstablished)] += plain;
  tally_.Flush();
}

inline void Slot::SetDeadline(RecordHandle handle, Record* record, Duration timeout, Time now,
                              Expiry* expiry) {
  const Time deadline = now + timeout;
  const bool earlier = deadline < record->deadline;
  record->deadline = deadline;
  record->timeout_ms = Milliseconds(timeout);
  // A deadline that moved later is found when the old one comes.
  if (earlier) expiry->Arm(handle, deadline, now, &record->arming);
}

void Slot::SetTimeLeft(RecordHandle handle, Record* record, Duration left, Time now,
                       Expiry* expiry) {
  const Duration since_seen = now - LastSeen(*record);
  SetDeadline(handle, record, left, now, expiry);
  record->timeout_ms = Milliseconds(std::min(since_seen + left, kTimeoutMost));
}

inline bool Slot::TrackPlain(const Packet& packet, const Arrival& arrival, Time now,
                             const Arrivals& batch, Table* table, Expiry* expiry,
                             Verdict* verdict) {
  const bool udp = packet.protocol == kProtocolUdp;
  const bool tcp = packet.protocol == kProtocolTcp && IsPlainAck(packet.tcp_flags);
  if (!(udp || tcp) || (packet.flags & packet_flag::kChecksumBad) != 0) return false;
  const auto ends = [&] { return arrival.Ends(packet); };
  if (!table->Holds(arrival.candidate, arrival.words, ends)) return false;
  Record& record = table->record(arrival.candidate);
  if (!IsAnswered(record)) return false;
  const bool assured = record.Has(status_bit::kAssured);
  const Direction direction = DirectionIn(record, arrival);
  const ZoneSettings& settings = batch.zone->settings;
  Duration timeout;
  if (udp) {
    const ProtocolResult result =
        UpdateUdp(record.udp, /*seen_reply=*/true, assured, now, settings);
    if (result.assured) return false;
    timeout = result.timeout;
  } else if (!assured ||
             !UpdateTcpByPlainAck(packet, direction, settings.tcp, &record.tcp, &timeout)) {
    return false;
  }
  Count(packet, &record.counters[Index(direction)]);
  SetDeadline(HandleOf(batch.family, arrival.candidate), &record, timeout, now, expiry);
  *verdict = {VerdictKind::kEstablished, direction};
  return true;
}

Verdict Slot::TrackAny(const Visit& visit) {
  if (visit.expiry->next() <= visit.now) {
    size_t expired = 0;
    ExpireDue(visit.expiry, visit.now, SIZE_MAX, &expired);
  }
  return visit.arrival.is_error ? TrackError(visit) : TrackPacket(visit);
}

Verdict Slot::TrackPacket(const Visit& visit) {
  const Packet& packet = visit.packet;
  if ((packet.flags & packet_flag::kChecksumBad) != 0 && visit.settings().checksum) {
    return Invalid(InvalidReason::kChecksum);
  }
  const InvalidReason reason = CheckHeader(packet);
  if (reason != InvalidReason::kNone) return Invalid(reason);
  const uint32_t index =
      visit.table->Find(KeyOf(visit.zone->index, packet)->key, visit.arrival.hash);
  if (index == Table::kNone) return Create(visit);
  const RecordHandle handle = HandleOf(visit.family, index);
  const Direction direction = DirectionIn(visit.table->record(index), visit.arrival);
  bool reopen = false;
  const Verdict verdict = Update(handle, direction, visit, &reopen);
  return reopen ? Create(visit) : verdict;
}

Verdict Slot::TrackError(const Visit& visit) {
  const Packet& packet = visit.packet;
  const Arrival& arrival = visit.arrival;
  if ((packet.flags & packet_flag::kChecksumBad) != 0 && visit.settings().checksum) {
    return Invalid(InvalidReason::kChecksum);
  }
  Table& table = *visit.table;
  const uint32_t index = table.Find(KeyOfQuote(visit.zone->index, packet)->key, arrival.hash);
  if (index == Table::kNone) return Invalid(InvalidReason::kIcmpErrorUnknown);
  // An error travels against the packet it is about, to the one who sent that.
  if (packet.destination != packet.quote->source) {
    return Invalid(InvalidReason::kIcmpErrorDestination);
  }
  Record& record = table.record(index);
  if (record.protocol == kProtocolSctp && record.sctp.untold_changes != 0) {
    const RecordHandle handle = HandleOf(visit.family, index);
    Emit(handle, {.type = EventType::kUpdate,
                  .cause = EventCause::kPacket,
                  .changes = std::exchange(record.sctp.untold_changes, uint8_t{0}),
                  .time = packet.time,
                  .now = visit.now});
  }
  const Direction quoted_direction = DirectionIn(record, arrival);
  return {VerdictKind::kRelated,
          arrival.symmetric ? Direction::kReply : Opposite(quoted_direction)};
}

Verdict Slot::Create(const Visit& visit) {
  const Packet& packet = visit.packet;
  Zone& zone = *visit.zone;
  Record begun;
  const ProtocolResult result = BeginProtocol(packet, visit.now, zone.settings, &begun);
  if (result.action == ProtocolAction::kInvalid) return Invalid(result.reason);
  if (!TakePlace(visit)) return {VerdictKind::kTableFull};

  begun.original_from_first = visit.arrival.from_first ? 1 : 0;
  begun.sensor = visit.sensor;
  begun.status = status_bit::kConfirmed;
  begun.deadline = kForever;
  Count(packet, &begun.counters[Index(Direction::kOriginal)]);
  Table& table = *visit.table;
  const uint32_t index = table.Insert(KeyOf(zone.index, packet)->key, visit.arrival.hash, begun);
  const RecordHandle handle = HandleOf(visit.family, index);
  Record& record = table.record(index);
  Extra& extra = table.extra(index);
  extra.id = NewId();
  extra.created = visit.now;
  extra.zone_id = zone.id;
  SetDeadline(handle, &record, result.timeout, visit.now, visit.expiry);
  CountBegun(handle, &zone);
  Emit(handle, {.type = EventType::kNew,
                .cause = EventCause::kPacket,
                .time = packet.time,
                .now = visit.now,
                .packet = &packet});
  return Accepted(Direction::kOriginal, false);
}

void Slot::MoveGauge(Zone* zone, size_t from, const Record& record) {
  const size_t to = GaugeOf(record);
  if (to == from) return;
  tally_.Move(zone, from, -1);
  tally_.Move(zone, to, 1);
}

void Slot::CountBegun(RecordHandle handle, Zone* zone) {
  Table& table = TableOf(handle);
  Record& record = table.record(IndexOf(handle));
  tally_.Move(zone, GaugeOf(record), 1);
  if (options_.breakdowns == nullptr) return;
  record.grouped = options_.breakdowns->Add(table.ref(IndexOf(handle))) & 0xF;
}

bool Slot::TakePlace(const Visit& visit) {
  Zone& zone = *visit.zone;
  if (zone.TakePlace()) return true;
  const RecordHandle victim = FindVictim(visit.family, visit.arrival.hash, zone.index);
  if (victim == Table::kNone) return false;
  zone.evicted.fetch_add(1, std::memory_order_relaxed);
  // The newcomer has the place of the one that ends: no other thread may come
  // between.
  Remove(victim, {.type = EventType::kDestroy,
                  .cause = EventCause::kEvicted,
                  .time = visit.now,
                  .now = visit.now});
  return true;
}

RecordHandle Slot::FindVictim(Family family, uint64_t hash, ZoneIndex zone) {
  const Table& table = TableOf(family);
  uint32_t index = table.FindNear(hash, kEvictionBuckets, false, [&](uint32_t candidate) {
    return table.record(candidate).zone == zone;
  });
  if (index == Table::kNone) {
    index = table.FindNear(hash, kEvictionBuckets, true, [&](uint32_t candidate) {
      return table.record(candidate).zone == zone && IsClosing(table.record(candidate));
    });
  }
  if (index == Table::kNone) return Table::kNone;
  return HandleOf(family, index);
}

Verdict Slot::Update(RecordHandle handle, Direction direction, const Visit& visit, bool* reopen) {
  const Packet& packet = visit.packet;
  Record& record = RecordOf(handle);
  Zone& zone = *visit.zone;
  const Verdict accepted = Accepted(direction, record.Has(status_bit::kSeenReply));
  const size_t gauge = GaugeOf(record);
  const ProtocolResult result =
      UpdateProtocol(packet, direction, visit.now, zone.settings, &record);
  Change change{.type = EventType::kUpdate,
                .cause = EventCause::kPacket,
                .changes = result.changes,
                .time = packet.time,
                .now = visit.now,
                .packet = &packet};
  if (result.assured) {
    visit.table->SetAssured(IndexOf(handle));
    change.changes |= change::kAssured;
  }
  switch (result.action) {
    case ProtocolAction::kInvalid:
      if (result.lower_timeout) {
        SetTimeLeft(handle, &record, result.timeout, visit.now, visit.expiry);
      }
      MoveGauge(&zone, gauge, record);
      return Invalid(result.reason);
    case ProtocolAction::kReopen:
      change.type = EventType::kDestroy;
      change.cause = EventCause::kReplaced;
      Destroy(handle, change);
      *reopen = true;
      return accepted;
    case ProtocolAction::kAccept:
    case ProtocolAction::kKill:
      Count(packet, &record.counters[Index(direction)]);
      break;
    case ProtocolAction::kIgnore:
      break;
  }
  if (result.action == ProtocolAction::kKill) {
    // The gauge moves with the state before the connection leaves it.
    MoveGauge(&zone, gauge, record);
    change.type = EventType::kDestroy;
    Destroy(handle, change);
    return accepted;
  }
  if (result.action == ProtocolAction::kAccept && !record.Has(status_bit::kFixedTimeout)) {
    SetDeadline(handle, &record, result.timeout, visit.now, visit.expiry);
  }
  if (direction == Direction::kReply && !record.Has(status_bit::kSeenReply)) {
    record.status |= status_bit::kSeenReply;
    change.changes |= change::kReply;
  }
  if (change.changes != 0) {
    MoveGauge(&zone, gauge, record);
    Emit(handle, change);
  }
  return accepted;
}

void Slot::Destroy(RecordHandle handle, const Change& change) {
  Zone& zone = zone_of_(RecordOf(handle).zone);
  Remove(handle, change);
  zone.connections.fetch_sub(1, std::memory_order_relaxed);
}

void Slot::Remove(RecordHandle handle, const Change& change) {
  Record& record = RecordOf(handle);
  // Netfilter's DESTROY shows the bit.
  record.status |= status_bit::kDying;
  Emit(handle, change);
  Zone& zone = zone_of_(record.zone);
  tally_.Move(&zone, GaugeOf(record), -1);
  Table& table = TableOf(handle);
  if (options_.breakdowns != nullptr) {
    options_.breakdowns->Remove(table.ref(IndexOf(handle)), record.grouped);
  }
  table.Erase(IndexOf(handle));
}

void Slot::Emit(RecordHandle handle, const Change& change) {
  const bool tcp = change.packet != nullptr && change.packet->protocol == kProtocolTcp;
  const ConnectionRef connection = TableOf(handle).ref(IndexOf(handle));
  events_.Append([&](uint64_t sequence) {
    return Event{.sequence = sequence,
                 .time = change.time,
                 .now = change.now,
                 .type = change.type,
                 .cause = change.cause,
                 .changes = change.changes,
                 .has_tcp_flags = tcp,
                 .tcp_flags = tcp ? change.packet->tcp_flags : uint8_t{0},
                 .connection = connection.Copy()};
  });
  tally_.Count(&zone_of_(connection.record().zone), change.type);
}

void Slot::ExpireDue(Expiry* expiry, Time now, size_t limit, size_t* expired) {
  RecordHandle handle = 0;
  while (*expired < limit && expiry->PopDue(now, &expiry_records_, &handle)) {
    const Time deadline = RecordOf(handle).deadline;
    Destroy(handle, {.type = EventType::kDestroy,
                     .cause = EventCause::kTimeout,
                     .time = deadline,
                     .now = deadline});
    ++*expired;
  }
}

void Slot::ExpireAndTidy(Expiry* expiry, Time now, size_t limit, size_t* expired) {
  ExpireDue(expiry, now, limit, expired);
  if (expiry->entries() > 2 * size() + kStaleEntriesMin) expiry->DropStale(&expiry_records_);
}

size_t Slot::Expire(Time server_now, size_t limit) {
  size_t expired = 0;
  ExpireAndTidy(&server_expiry_, server_now, limit, &expired);
  for (auto entry = packet_expiry_.begin(); entry != packet_expiry_.end();) {
    const auto current = entry++;
    Expiry* const expiry = current->second.get();
    const Time now = zone_of_(current->first).now.load(std::memory_order_relaxed);
    ExpireAndTidy(expiry, now, limit, &expired);
    if (expiry->empty()) packet_expiry_.erase(current);
  }
  tally_.Flush();
  return expired;
}

std::optional<StoredConnection> Slot::Find(const Key& key, uint64_t hash, Time server_now) {
  Table& table = TableOf(key.family);
  const uint32_t index = table.Find(key, hash);
  if (index == Table::kNone) return std::nullopt;
  const Record& record = table.record(index);
  if (record.deadline <= NowOf(record, server_now)) return std::nullopt;
  return table.Copy(index);
}

bool Slot::Scan(uint32_t* position, const ScanStepOptions& scan, ScanVisit visit) {
  // Most connections of a slot are of the zone of the one before.
  std::optional<ZoneIndex> zone;
  Time zone_now;
  const auto now_of = [&](const Record& record) {
    if (zone != record.zone) {
      zone = record.zone;
      zone_now = NowOf(record, scan.server_now);
    }
    return zone_now;
  };
  size_t visits = 0;
  for (size_t places = 0; places < scan.places_max;) {
    if ((*position & kIpv6Handle) == 0 && *position >= ipv4_.index_end()) *position = kIpv6Handle;
    const Table& table = TableOf(RecordHandle{*position});
    const uint32_t index = IndexOf(*position);
    if (index >= table.index_end()) return false;
    const uint32_t first = index % Table::kChunkRecords;
    const auto last = static_cast<uint32_t>(
        std::min<size_t>(Table::kChunkRecords - 1, first + (scan.places_max - places) - 1));
    const uint32_t chunk = *position - first;
    table.PrefetchBlock(index - first + Table::kChunkRecords);
    ConnectionBlock block = table.Block(index - first);
    block.in_use &= ~uint64_t{0} << first & ~uint64_t{0} >> (Table::kChunkRecords - 1 - last);
    uint64_t left = scan.filter == nullptr ? block.in_use : scan.filter->Match(block, now_of);
    for (; left != 0; left &= left - 1) {
      const auto place = static_cast<uint32_t>(std::countr_zero(left));
      const ConnectionRef connection = block.at(place);
      const Time now = now_of(connection.record());
      if (connection.deadline() <= now && !scan.expired_too) continue;
      visit(connection, now);
      if (++visits < scan.visits_max) continue;
      *position = chunk + place + 1;
      return true;
    }
    places += last + 1 - first;
    *position = chunk + last + 1;
  }
  return true;
}

size_t Slot::memory_bytes() const {
  size_t bytes = ipv4_.memory_bytes() + ipv6_.memory_bytes();
  bytes += server_expiry_.entries() * sizeof(RecordHandle);
  for (const auto& [zone, expiry] : packet_expiry_) {
    bytes += expiry->entries() * sizeof(RecordHandle);
  }
  return bytes;
}

}  // namespace conntrack
