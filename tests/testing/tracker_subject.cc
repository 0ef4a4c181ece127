#include "tests/testing/tracker_subject.h"

#include <optional>

#include "server/tracker/check.h"
#include "tests/testing/tracker_packet.h"

namespace conntrack {
namespace {

int64_t SecondsLeft(Time deadline, Time now) {
  return std::chrono::duration_cast<std::chrono::seconds>(deadline - now).count();
}

SeenConnection SeenOf(const StoredConnection& stored) {
  const ConnectionRef ref = stored.ref();
  SeenConnection seen;
  seen.original = {ref.protocol(), ref.source(Direction::kOriginal),
                   ref.destination(Direction::kOriginal), ref.ports(Direction::kOriginal)};
  seen.status = stored.record.status;
  return seen;
}

SeenWindows WindowsOf(const TcpConnection& tcp) {
  SeenWindows windows;
  for (size_t i = 0; i < 2; ++i) {
    windows.scale[i] = tcp.peer[i].scale;
    windows.flags[i] = tcp.peer[i].flags & kVisiblePeerFlags;
  }
  return windows;
}

// As the kernel's messages: all have the timeout; NEW and UPDATE the protocol's
// part when it changed, DESTROY the last state and the counters.
SeenEvent SeenOf(const Event& event) {
  SeenEvent seen{event.type, SeenOf(event.connection)};
  const TcpConnection* tcp = event.connection.ref().tcp();
  seen.connection.timeout = SecondsLeft(event.connection.record.deadline, event.now);
  if (event.type == EventType::kDestroy) {
    if (tcp != nullptr) seen.connection.state = tcp->state;
    seen.connection.counters = event.connection.record.counters;
    return seen;
  }
  if (tcp != nullptr && (event.type == EventType::kNew || (event.changes & change::kState) != 0)) {
    seen.connection.state = tcp->state;
    seen.connection.windows = WindowsOf(*tcp);
  }
  return seen;
}

}  // namespace

TrackerSubject::TrackerSubject(const ZoneSettings& settings) {
  TrackerOptions options;
  options.slot_count = 1;
  options.event_bytes_max = 64u << 20;
  options.zone_settings = settings;
  tracker_ = std::make_unique<Tracker>(options);
  CT_CHECK(tracker_->OpenZone(0, ZoneClock::kServer, settings).ok());
}

Observation TrackerSubject::Send(const PacketSpec& spec, const Endpoints& endpoints, Time now) {
  Quote quote;
  const Packet packet = TrackerPacketOf(spec, endpoints, now, &quote);
  Verdict verdict;
  tracker_->Process({.zone = 0, .server_now = now}, std::span(&packet, 1), std::span(&verdict, 1));
  Observation observation;
  observation.verdict = verdict;
  if (const std::optional<SeenTuple> tuple = TupleOf(spec, endpoints)) {
    FindConnection(*tuple, endpoints.family, now, &observation);
  }
  TakeEvents(&observation);
  return observation;
}

Observation TrackerSubject::Look(const SeenTuple& tuple, Family family, Time now) {
  tracker_->Expire(now, SIZE_MAX);
  Observation observation;
  FindConnection(tuple, family, now, &observation);
  TakeEvents(&observation);
  return observation;
}

void TrackerSubject::FindConnection(const SeenTuple& tuple, Family family, Time now,
                                    Observation* observation) {
  const std::optional<StoredConnection> found =
      tracker_->Find(0, family, tuple.protocol, tuple.source, tuple.destination, tuple.ports, now);
  if (!found.has_value()) return;
  SeenConnection seen = SeenOf(*found);
  seen.timeout = SecondsLeft(found->record.deadline, now);
  seen.counters = found->record.counters;
  if (const TcpConnection* tcp = found->ref().tcp()) {
    seen.state = tcp->state;
    seen.windows = WindowsOf(*tcp);
  }
  observation->connection = seen;
}

void TrackerSubject::TakeEvents(Observation* observation) {
  const uint64_t last = tracker_->LastSequence(0);
  while (next_event_ <= last) {
    const SlotEvents events = tracker_->ReadEvents(0, next_event_);
    CT_CHECK(events.range.count > 0 && events.range.first == next_event_);
    for (size_t i = 0; i < events.range.count; ++i) {
      observation->events.push_back(SeenOf(events.range[i]));
    }
    next_event_ += events.range.count;
  }
}

}  // namespace conntrack
