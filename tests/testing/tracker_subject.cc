#include "tests/testing/tracker_subject.h"

#include <optional>
#include <utility>

#include "server/tracker/check.h"

namespace conntrack {
namespace {

int64_t SecondsLeft(Time deadline, Time now) {
  return std::chrono::duration_cast<std::chrono::seconds>(deadline - now).count();
}

SeenConnection SeenOf(const StoredConnection& stored) {
  const ConnectionRef ref = stored.ref();
  SeenConnection seen;
  seen.original = {ref.protocol(), ref.source(Direction::kOriginal),
                   ref.destination(Direction::kOriginal), ref.ports(Direction::kOriginal),
                   ref.family()};
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

// The protocol's part, without what a DESTROY leaves out.
void SeeState(const ConnectionRef& ref, SeenConnection* seen) {
  if (const TcpConnection* tcp = ref.tcp()) seen->state = NameOf(tcp->state);
  if (const SctpConnection* sctp = ref.sctp()) seen->state = NameOf(sctp->state);
}

void SeeProtocol(const ConnectionRef& ref, SeenConnection* seen) {
  SeeState(ref, seen);
  if (const TcpConnection* tcp = ref.tcp()) seen->windows = WindowsOf(*tcp);
  if (const SctpConnection* sctp = ref.sctp()) seen->tags = sctp->tag;
}

// As the kernel's messages: all have the timeout; NEW and UPDATE the protocol's
// part when it changed, DESTROY the last state and the counters.
SeenEvent SeenOf(const Event& event) {
  SeenEvent seen{event.type, SeenOf(event.connection)};
  const ConnectionRef ref = event.connection.ref();
  seen.connection.timeout = SecondsLeft(event.connection.record.deadline, event.now);
  if (event.type == EventType::kDestroy) {
    SeeState(ref, &seen.connection);
    seen.connection.counters = event.connection.record.counters;
  } else if (event.type == EventType::kNew || (event.changes & change::kState) != 0) {
    SeeProtocol(ref, &seen.connection);
  }
  return seen;
}

}  // namespace

TrackerSubject::TrackerSubject(const ZoneSettings& settings, PacketSource source)
    : source_(source != nullptr ? std::move(source) : PacketSource(TrackerPacketOf)) {
  TrackerOptions options;
  options.slot_count = 1;
  options.event_bytes_max = 64u << 20;
  options.zone_settings = settings;
  tracker_ = std::make_unique<Tracker>(options);
  CT_CHECK(tracker_->OpenZone(0, ZoneClock::kServer, settings).ok());
}

Observation TrackerSubject::Send(const PacketSpec& spec, const Endpoints& endpoints, Time now) {
  PacketParts parts;
  const std::optional<Packet> packet = source_(spec, endpoints, now, &parts);
  return Track(packet.has_value() ? &*packet : nullptr, TupleOf(spec, endpoints), now);
}

Observation TrackerSubject::Track(const Packet* packet, const std::optional<SeenTuple>& tuple,
                                  Time now) {
  Observation observation;
  if (packet != nullptr) {
    observation.verdict.emplace();
    tracker_->Process({.zone = 0, .server_now = now}, std::span(packet, 1),
                      std::span(&*observation.verdict, 1));
  }
  // As the server does between packets: not every packet looks at connections.
  tracker_->Expire(now, SIZE_MAX);
  if (tuple.has_value()) FindConnection(*tuple, tuple->family, now, &observation);
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

std::optional<Time> TrackerSubject::CreatedAt(const SeenTuple& tuple, Time now) const {
  const std::optional<StoredConnection> found = tracker_->Find(
      0, tuple.family, tuple.protocol, tuple.source, tuple.destination, tuple.ports, now);
  if (!found.has_value()) return std::nullopt;
  return found->ref().created();
}

void TrackerSubject::FindConnection(const SeenTuple& tuple, Family family, Time now,
                                    Observation* observation) {
  const std::optional<StoredConnection> found =
      tracker_->Find(0, family, tuple.protocol, tuple.source, tuple.destination, tuple.ports, now);
  if (!found.has_value()) return;
  SeenConnection seen = SeenOf(*found);
  seen.timeout = SecondsLeft(found->record.deadline, now);
  seen.counters = found->record.counters;
  SeeProtocol(found->ref(), &seen);
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
