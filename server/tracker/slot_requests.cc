// What users ask to be done with the connections of a slot.
#include <algorithm>
#include <array>

#include "server/tracker/slot.h"

namespace conntrack {
namespace {

// Connections changed or ended under one lock: some hundred nanoseconds each.
constexpr size_t kRequestVisitsMax = 64;

uint32_t NewMark(const ConnectionRequest& request, uint32_t mark) {
  return (mark & ~request.mark_mask) | request.mark;
}

}  // namespace

uint8_t Slot::ChangesBy(const ConnectionRequest& request, const ConnectionRef& connection,
                        Time now) {
  uint8_t changes = 0;
  const uint32_t mark = connection.extra().mark;
  if (NewMark(request, mark) != mark) changes |= change::kMark;
  const Labels labels = connection.labels();
  if (labels.With(request.labels, request.labels_mask) != labels) changes |= change::kLabels;
  // As in Netfilter, what is fixed stays.
  if (request.timeout.has_value() && !connection.Has(status_bit::kFixedTimeout) &&
      connection.deadline() != now + *request.timeout) {
    changes |= change::kTimeout;
  }
  return changes;
}

void Slot::ChangeBy(RecordHandle handle, const ConnectionRequest& request, uint8_t changes,
                    Time now) {
  Table& table = TableOf(handle);
  const uint32_t index = IndexOf(handle);
  uint32_t& mark = table.extra(index).mark;
  mark = NewMark(request, mark);
  if ((changes & change::kLabels) != 0) {
    table.SetLabels(index, table.ref(index).labels().With(request.labels, request.labels_mask));
  }
  if ((changes & change::kTimeout) != 0) {
    Record& record = table.record(index);
    SetTimeLeft(handle, &record, *request.timeout, now, &ExpiryOf(zone_of_(record.zone)));
  }
  Emit(handle, {.type = EventType::kUpdate,
                .cause = EventCause::kRequest,
                .changes = changes,
                .time = now,
                .now = now});
}

bool Slot::Apply(const ConnectionRequest& request, uint32_t* position, ScanStepOptions scan,
                 RequestCounts* counts) {
  struct Found {
    RecordHandle handle;
    uint8_t changes;
    Time now;
  };
  const bool deletes = request.kind == ConnectionRequest::Kind::kDelete;
  // First found, then changed: a scan must not see its table change.
  std::array<Found, kRequestVisitsMax> found;
  size_t count = 0;
  scan.visits_max = std::min(scan.visits_max, kRequestVisitsMax);
  const bool more = Scan(position, scan, [&](const ConnectionRef& connection, Time now) {
    ++counts->matched;
    const uint8_t changes = deletes ? 0 : ChangesBy(request, connection, now);
    if (!deletes && changes == 0) return;
    ++counts->changed;
    if (request.dry_run) return;
    const Family family = connection.family();
    const uint32_t index = TableOf(family).Find(connection.key(), connection.extra().hash);
    found[count++] = {HandleOf(family, index), changes, now};
  });
  for (size_t i = 0; i < count; ++i) {
    const Found& one = found[i];
    if (deletes) {
      Destroy(one.handle, {.type = EventType::kDestroy,
                           .cause = EventCause::kRequest,
                           .time = one.now,
                           .now = one.now});
    } else {
      ChangeBy(one.handle, request, one.changes, one.now);
    }
  }
  tally_.Flush();
  return more;
}

Restored Slot::Restore(const StoredConnection& stored, const Key& key, uint64_t hash, Zone* zone,
                       Time now) {
  Expiry& expiry = ExpiryOf(*zone);
  size_t expired = 0;
  ExpireDue(&expiry, now, SIZE_MAX, &expired);
  tally_.Flush();
  Table& table = TableOf(key.family);
  if (table.Find(key, hash) != Table::kNone) return Restored::kExists;
  if (!zone->TakePlace()) return Restored::kZoneFull;
  const uint32_t index = table.Insert(key, hash, stored.record);
  const RecordHandle handle = HandleOf(key.family, index);
  Extra& extra = table.extra(index);
  extra.id = NewId();
  extra.created = stored.extra.created;
  extra.mark = stored.extra.mark;
  extra.zone_id = zone->id;
  table.SetLabels(index, stored.labels);
  expiry.Arm(handle, stored.record.deadline, now, &table.record(index).arming);
  CountBegun(handle, zone);
  Emit(handle, {.type = EventType::kNew, .cause = EventCause::kRequest, .time = now, .now = now});
  tally_.Flush();
  return Restored::kDone;
}

}  // namespace conntrack
