#include "server/tracker/slot.h"

#include <algorithm>
#include <utility>

#include "server/tracker/check.h"
#include "server/tracker/gre.h"
#include "server/tracker/icmp.h"
#include "server/tracker/sctp.h"
#include "server/tracker/tcp.h"
#include "server/tracker/udp.h"

namespace conntrack {
namespace {

// Buckets of 12 that an eviction looks through: a bounded cost, as in the
// kernel, which looks through 8 chains.
constexpr size_t kEvictionBuckets = 8;
// Stale expiry entries may outnumber the live ones by this much.
constexpr size_t kStaleEntriesMin = 1024;

constexpr Verdict Invalid(InvalidReason reason) {
  return {VerdictKind::kInvalid, Direction::kOriginal, reason};
}

// Netfilter's ctstate of an accepted packet: an original packet is NEW until a
// reply was seen before it.
Verdict Accepted(Direction direction, bool seen_reply) {
  const bool is_new = direction == Direction::kOriginal && !seen_reply;
  return {is_new ? VerdictKind::kNew : VerdictKind::kEstablished, direction};
}

// The states above 95 % of the limit that even an assured connection may be
// evicted from: it is closing.
bool IsClosing(const Record& record) {
  if (record.protocol == kProtocolSctp) {
    return record.sctp.state >= SctpState::kShutdownSent &&
           record.sctp.state <= SctpState::kShutdownAckSent;
  }
  return record.protocol == kProtocolTcp && record.tcp.state >= TcpState::kFinWait &&
         record.tcp.state <= TcpState::kClose;
}

Duration FirstTimeout(const Packet& packet, const ZoneSettings& settings) {
  switch (packet.protocol) {
    case kProtocolUdp:
    case kProtocolUdplite:
      return settings.udp;
    case kProtocolGre:
      return settings.gre;
    case kProtocolIcmp:
      return settings.icmp;
    case kProtocolIcmpv6:
      return settings.icmpv6;
    default:
      return settings.generic;
  }
}

// Counts a connection that was counted in the gauge `from` where it is now.
void MoveGauge(Zone* zone, size_t from, const Record& record) {
  const size_t to = GaugeOf(record);
  if (to == from) return;
  zone->by_state[from].fetch_sub(1, std::memory_order_relaxed);
  zone->by_state[to].fetch_add(1, std::memory_order_relaxed);
}

uint32_t Milliseconds(Duration duration) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// Direction of a packet of an existing connection. Where both ends are one and
// the same (a LAND attack) nothing tells the directions apart; netfilter takes
// all but the first packet for replies.
Direction DirectionIn(const Record& record, const DirectedKey& key) {
  if (IsSymmetric(key.key)) return Direction::kReply;
  return (record.original_from_first != 0) == key.from_first ? Direction::kOriginal
                                                             : Direction::kReply;
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

Time* Slot::ExpiryRecords::Armed(RecordHandle handle) {
  Table& table = slot_->TableOf(handle);
  const uint32_t index = IndexOf(handle);
  return table.InUse(index) ? &table.extra(index).armed : nullptr;
}

Time Slot::ExpiryRecords::Deadline(RecordHandle handle) const {
  return slot_->RecordOf(handle).deadline;
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

Verdict Slot::Track(const Packet& packet, const DirectedKey& key, uint64_t hash,
                    const TrackContext& context) {
  const ZoneSettings& settings = context.zone->settings;
  ExpireBefore(context);
  if ((packet.flags & packet_flag::kChecksumBad) != 0 && settings.checksum) {
    return Invalid(InvalidReason::kChecksum);
  }
  if (packet.protocol == kProtocolTcp) {
    const InvalidReason reason = CheckTcpFlags(packet.tcp_flags);
    if (reason != InvalidReason::kNone) return Invalid(reason);
  } else if (packet.protocol == kProtocolSctp) {
    const InvalidReason reason = CheckSctpChunks(packet.chunks());
    if (reason != InvalidReason::kNone) return Invalid(reason);
  }
  const uint32_t index = TableOf(key.key.family).Find(key.key, hash);
  if (index == Table::kNone) return Create(packet, key, hash, context);
  const RecordHandle handle = HandleOf(key.key.family, index);
  bool reopen = false;
  const Verdict verdict =
      Update(handle, DirectionIn(RecordOf(handle), key), packet, context, &reopen);
  return reopen ? Create(packet, key, hash, context) : verdict;
}

Verdict Slot::TrackError(const Packet& packet, const DirectedKey& quoted, uint64_t hash,
                         const TrackContext& context) {
  ExpireBefore(context);
  if ((packet.flags & packet_flag::kChecksumBad) != 0 && context.zone->settings.checksum) {
    return Invalid(InvalidReason::kChecksum);
  }
  Table& table = TableOf(quoted.key.family);
  const uint32_t index = table.Find(quoted.key, hash);
  if (index == Table::kNone) return Invalid(InvalidReason::kIcmpErrorUnknown);
  // An error travels against the packet it is about, to the one who sent that.
  if (packet.destination != packet.quote->source) {
    return Invalid(InvalidReason::kIcmpErrorDestination);
  }
  Record& record = table.record(index);
  if (record.protocol == kProtocolSctp && record.sctp.untold_changes != 0) {
    const RecordHandle handle = HandleOf(quoted.key.family, index);
    Emit(handle, {.type = EventType::kUpdate,
                  .cause = EventCause::kPacket,
                  .changes = std::exchange(record.sctp.untold_changes, uint8_t{0}),
                  .time = packet.time,
                  .now = context.now});
  }
  const Direction quoted_direction = DirectionIn(record, quoted);
  return {VerdictKind::kRelated,
          IsSymmetric(quoted.key) ? Direction::kReply : Opposite(quoted_direction)};
}

Verdict Slot::Create(const Packet& packet, const DirectedKey& key, uint64_t hash,
                     const TrackContext& context) {
  const ZoneSettings& settings = context.zone->settings;
  TcpConnection tcp;
  SctpConnection sctp = {};
  Duration timeout = FirstTimeout(packet, settings);
  const IcmpKind icmp = KindOfIcmp(packet);
  if (icmp == IcmpKind::kAnswer) return Invalid(InvalidReason::kIcmpNoRequest);
  if (packet.protocol == kProtocolTcp) {
    const InvalidReason reason = BeginTcp(packet, settings.tcp, &tcp);
    if (reason != InvalidReason::kNone) return Invalid(reason);
    const ProtocolResult begun = UpdateTcp(
        packet, {Direction::kOriginal, false, false, false, Duration(0)}, settings.tcp, &tcp);
    if (begun.action == ProtocolAction::kInvalid) return Invalid(begun.reason);
    timeout = begun.timeout;
  } else if (packet.protocol == kProtocolSctp) {
    const InvalidReason reason = BeginSctp(packet, &sctp);
    if (reason != InvalidReason::kNone) return Invalid(reason);
    const ProtocolResult begun =
        UpdateSctp(packet, Direction::kOriginal, false, settings.sctp, &sctp);
    if (begun.action == ProtocolAction::kInvalid) return Invalid(begun.reason);
    timeout = begun.timeout;
  }
  if (!TakePlace(key, hash, context)) return {VerdictKind::kTableFull};

  Table& table = TableOf(key.key.family);
  const uint32_t index = table.Insert(key.key, hash);
  const RecordHandle handle = HandleOf(key.key.family, index);
  Record& record = table.record(index);
  record.original_from_first = key.from_first ? 1 : 0;
  record.sensor = context.sensor;
  record.status = status_bit::kConfirmed;
  if (packet.protocol == kProtocolTcp) record.tcp = tcp;
  if (packet.protocol == kProtocolSctp) record.sctp = sctp;
  if (packet.protocol == kProtocolUdp) record.udp = BeginUdp(context.now);
  record.counters[Index(Direction::kOriginal)] = {1, packet.total_length};
  Extra& extra = table.extra(index);
  extra.id = next_id_++ * options_.slot_count + options_.number;
  extra.created = context.now;
  extra.zone_id = context.zone->id;
  extra.armed = kForever;
  record.deadline = kForever;
  SetDeadline(handle, context.now, timeout, *context.zone);
  context.zone->by_state[GaugeOf(record)].fetch_add(1, std::memory_order_relaxed);
  Emit(handle, {.type = EventType::kNew,
                .cause = EventCause::kPacket,
                .time = packet.time,
                .now = context.now,
                .packet = &packet});
  return Accepted(Direction::kOriginal, false);
}

bool Slot::TakePlace(const DirectedKey& key, uint64_t hash, const TrackContext& context) {
  Zone& zone = *context.zone;
  const uint64_t limit = zone.settings.connections_max;
  if (zone.connections.fetch_add(1, std::memory_order_relaxed) < limit) return true;
  zone.connections.fetch_sub(1, std::memory_order_relaxed);
  const RecordHandle victim = FindVictim(key, hash);
  if (victim == Table::kNone) return false;
  zone.evicted.fetch_add(1, std::memory_order_relaxed);
  // The newcomer has the place of the one that ends: no other thread may come
  // between.
  Remove(victim, {.type = EventType::kDestroy,
                  .cause = EventCause::kEvicted,
                  .time = context.now,
                  .now = context.now});
  return true;
}

RecordHandle Slot::FindVictim(const DirectedKey& key, uint64_t hash) {
  const Table& table = TableOf(key.key.family);
  const auto of_zone = [&](uint32_t index, bool assured) {
    const Record& record = table.record(index);
    return record.zone == key.key.zone && record.Has(status_bit::kAssured) == assured &&
           (!assured || IsClosing(record));
  };
  uint32_t index = table.FindNear(hash, kEvictionBuckets,
                                  [&](uint32_t candidate) { return of_zone(candidate, false); });
  if (index == Table::kNone) {
    index = table.FindNear(hash, kEvictionBuckets,
                           [&](uint32_t candidate) { return of_zone(candidate, true); });
  }
  if (index == Table::kNone) return Table::kNone;
  return HandleOf(key.key.family, index);
}

ProtocolResult Slot::RunProtocol(Record* record, Direction direction, const Packet& packet,
                                 const TrackContext& context) {
  const ZoneSettings& settings = context.zone->settings;
  const bool seen_reply = record->Has(status_bit::kSeenReply);
  const bool assured = record->Has(status_bit::kAssured);
  switch (record->protocol) {
    case kProtocolTcp:
      return UpdateTcp(packet,
                       {direction, seen_reply, assured, record->Has(status_bit::kFixedTimeout),
                        record->deadline - context.now},
                       settings.tcp, &record->tcp);
    case kProtocolUdp:
      return UpdateUdp(record->udp, seen_reply, assured, context.now, settings);
    case kProtocolSctp:
      return UpdateSctp(packet, direction, assured, settings.sctp, &record->sctp);
    case kProtocolUdplite:
      return UpdateUdplite(seen_reply, assured, settings);
    case kProtocolGre:
      return UpdateGre(seen_reply, assured, settings);
    default:
      return {.timeout = FirstTimeout(packet, settings)};
  }
}

Verdict Slot::Update(RecordHandle handle, Direction direction, const Packet& packet,
                     const TrackContext& context, bool* reopen) {
  Record& record = RecordOf(handle);
  Zone& zone = *context.zone;
  const Verdict accepted = Accepted(direction, record.Has(status_bit::kSeenReply));
  const size_t gauge = GaugeOf(record);
  const ProtocolResult result = RunProtocol(&record, direction, packet, context);
  Change change{.type = EventType::kUpdate,
                .cause = EventCause::kPacket,
                .changes = result.changes,
                .time = packet.time,
                .now = context.now,
                .packet = &packet};
  if (result.assured) {
    record.status |= status_bit::kAssured;
    change.changes |= change::kAssured;
  }
  switch (result.action) {
    case ProtocolAction::kInvalid:
      if (result.lower_timeout) {
        // It expires sooner, but was not seen any later.
        const Duration until_now = context.now - LastSeen(record);
        SetDeadline(handle, context.now, result.timeout, zone);
        record.timeout_ms = Milliseconds(until_now + result.timeout);
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
    case ProtocolAction::kKill: {
      Counters& counters = record.counters[Index(direction)];
      ++counters.packets;
      counters.bytes += packet.total_length;
      break;
    }
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
    SetDeadline(handle, context.now, result.timeout, zone);
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

void Slot::SetDeadline(RecordHandle handle, Time now, Duration timeout, const Zone& zone) {
  Record& record = RecordOf(handle);
  const Time deadline = now + timeout;
  const bool earlier = deadline < record.deadline;
  record.deadline = deadline;
  record.timeout_ms = Milliseconds(timeout);
  // A deadline that moved later is found when the old one comes.
  if (earlier) ExpiryOf(zone).Arm(handle, deadline, now, &ExtraOf(handle).armed);
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
  zone.by_state[GaugeOf(record)].fetch_sub(1, std::memory_order_relaxed);
  TableOf(handle).Erase(IndexOf(handle));
}

void Slot::Emit(RecordHandle handle, const Change& change) {
  Event& event = events_.Append();
  event.type = change.type;
  event.cause = change.cause;
  event.changes = change.changes;
  event.time = change.time;
  event.now = change.now;
  if (change.packet != nullptr && change.packet->protocol == kProtocolTcp) {
    event.has_tcp_flags = true;
    event.tcp_flags = change.packet->tcp_flags;
  }
  event.connection = TableOf(handle).Copy(IndexOf(handle));
  Zone& zone = zone_of_(event.connection.record.zone);
  const size_t type = static_cast<size_t>(change.type) - static_cast<size_t>(EventType::kNew);
  zone.events[type].fetch_add(1, std::memory_order_relaxed);
}

void Slot::ExpireBefore(const TrackContext& context) {
  Expiry& expiry = ExpiryOf(*context.zone);
  if (expiry.next() > context.now) return;
  size_t expired = 0;
  ExpireDue(&expiry, context.now, SIZE_MAX, &expired);
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

std::optional<StoredConnection> Slot::FindId(uint64_t id, Time server_now) {
  for (Table* table : {&ipv4_, &ipv6_}) {
    for (uint32_t index = 0; index < table->index_end(); ++index) {
      if (!table->InUse(index) || table->extra(index).id != id) continue;
      const Record& record = table->record(index);
      if (record.deadline <= NowOf(record, server_now)) return std::nullopt;
      return table->Copy(index);
    }
  }
  return std::nullopt;
}

bool Slot::Scan(uint32_t* position, size_t places_max, Time server_now,
                absl::FunctionRef<void(const ConnectionRef&)> visit) {
  constexpr uint32_t kAhead = 8;
  for (size_t i = 0; i < places_max; ++i, ++*position) {
    if ((*position & kIpv6Handle) == 0 && *position >= ipv4_.index_end()) *position = kIpv6Handle;
    const Table& table = TableOf(RecordHandle{*position});
    const uint32_t index = IndexOf(*position);
    if (index >= table.index_end()) return false;
    table.PrefetchIndex(index + kAhead);
    if (!table.InUse(index)) continue;
    const Record& record = table.record(index);
    if (record.deadline > NowOf(record, server_now)) visit(table.ref(index));
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
