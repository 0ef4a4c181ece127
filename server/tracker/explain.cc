#include "server/tracker/explain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/tracker/check.h"

namespace conntrack {
namespace {

// By InvalidReason.
constexpr std::array<const char*, kInvalidReasons> kReasonTexts = {
    "",
    "It is a fragment that was not reassembled, so that its ports cannot be known.",
    "Its IP header is longer than the packet, or its extension headers cannot be followed.",
    "It ends inside its transport header.",
    "Its transport checksum is wrong, and the zone verifies checksums.",
    "Its TCP data offset is below 5 words or beyond the packet.",
    "It has a combination of TCP flags that no sender uses.",
    "There is no connection, and a packet with these TCP flags cannot begin one.",
    "There is no connection, and the zone does not pick up TCP connections mid-stream.",
    "It does not fit the state of its TCP connection.",
    "Its data lies above the receiver's window.",
    "It acknowledges data that the other side has not sent.",
    "It is a RST below the highest acknowledgement of its receiver.",
    "Its UDP length is below 8 or beyond the packet.",
    "Its ICMP type does not exist, or begins nothing.",
    "It is an ICMP reply, and nobody asked.",
    "The packet that the ICMP error quotes cannot be told: it is too short, a later fragment, or "
    "GRE without a call.",
    "It is an ICMP error about a connection that does not exist.",
    "It is an ICMP error to a host that did not send the quoted packet.",
    "It is an ICMPv6 redirect without hop limit 255, or not from a link-local address.",
    "Its SCTP chunks are missing, malformed, or may not stand together.",
    "There is no association, and these SCTP chunks cannot begin one.",
    "It does not fit the state of its SCTP association.",
    "Its SCTP verification tag is not the agreed one.",
    "It is GRE of version 1 that carries no PPP.",
    "Its UDP-Lite checksum coverage is neither 0 nor between 8 and the length, or it has no "
    "checksum.",
};

const char* TextOf(const Explanation& explanation) {
  switch (explanation.verdict.kind) {
    case VerdictKind::kInvalid:
      return kReasonTexts[static_cast<size_t>(explanation.verdict.reason)];
    case VerdictKind::kRelated:
      return "It is an ICMP error about the connection.";
    case VerdictKind::kUntracked:
      return "It is neighbour discovery, which is not tracked.";
    case VerdictKind::kTableFull:
      return "It would begin a connection, but the zone is full, and no connection near by may be "
             "evicted.";
    case VerdictKind::kEstablished:
      return "It belongs to a connection that saw a reply, or it is the first reply.";
    case VerdictKind::kNew:
      break;
  }
  return explanation.before.has_value() ? "It belongs to a connection that saw no reply yet."
                                        : "It begins a connection.";
}

// A tracker for one packet. In it the zone has index 0.
class Rehearsal {
 public:
  Rehearsal(Tracker* real, ZoneIndex zone, Time server_now)
      : real_(*real), server_now_(server_now), tracker_(Options()) {
    const Zone& of = real_.zone(zone);
    const auto opened = tracker_.OpenZone(of.id, of.clock, real_.GetZoneSettings(zone));
    CT_CHECK(opened.ok());
    zone_ = *opened;
    tracker_.Advance(zone_, of.now.load(std::memory_order_relaxed));
  }

  // The real connection of this key, and puts a copy of it here.
  std::optional<StoredConnection> Copy(const Key& key) {
    std::optional<StoredConnection> found = real_.Find(key, server_now_);
    if (found.has_value()) {
      CT_CHECK(tracker_.Restore(*found, zone_, server_now_) == Restored::kDone);
    }
    return found;
  }

  std::optional<StoredConnection> Find(Key key) {
    key.zone = zone_;
    return tracker_.Find(key, server_now_);
  }

  Verdict Track(const Packet& packet) {
    Verdict verdict;
    tracker_.Process({zone_, server_now_, UINT16_MAX}, {&packet, 1}, {&verdict, 1});
    return verdict;
  }

  // The events after the `skip` first ones.
  std::vector<Event> Events(uint64_t skip) {
    std::vector<Event> events;
    for (uint64_t next = skip + 1; next <= tracker_.LastSequence(0);) {
      const SlotEvents read = tracker_.ReadEvents(0, next);
      for (size_t i = 0; i < read.range.count; ++i) events.push_back(read.range[i]);
      next += read.range.count;
    }
    return events;
  }

 private:
  static TrackerOptions Options() {
    TrackerOptions options;
    options.slot_count = 1;
    options.zones_max = 1;
    return options;
  }

  Tracker& real_;
  const Time server_now_;
  Tracker tracker_;
  ZoneIndex zone_ = 0;
};

// Gives a connection of a rehearsal the id of the real one, if it is its copy.
void SetRealId(const std::optional<StoredConnection>& copied,
               const std::optional<StoredConnection>& real, StoredConnection* connection) {
  const bool is_copy = copied.has_value() && copied->extra.id == connection->extra.id;
  connection->extra.id = is_copy ? real->extra.id : 0;
}

// What is different when a new connection finds the zone full.
void ApplyLimit(Tracker* tracker, ZoneIndex zone, const Key& key, Explanation* explanation) {
  const uint64_t limit = tracker->GetZoneSettings(zone).connections_max;
  if (tracker->zone(zone).connections.load(std::memory_order_relaxed) < limit) return;
  const std::optional<StoredConnection> victim = tracker->FindVictim(key);
  if (!victim.has_value()) {
    explanation->verdict = {VerdictKind::kTableFull};
    explanation->after.reset();
    explanation->events.clear();
    return;
  }
  Event event = explanation->events.front();
  event.type = EventType::kDestroy;
  event.cause = EventCause::kEvicted;
  event.time = event.now;
  event.has_tcp_flags = false;
  event.connection = *victim;
  event.connection.record.status |= status_bit::kDying;
  explanation->events.insert(explanation->events.begin(), event);
}

}  // namespace

Explanation ExplainPacket(Tracker* tracker, ZoneIndex zone, const Packet& packet, Time server_now) {
  Rehearsal rehearsal(tracker, zone, server_now);
  const auto directed = packet.quote != nullptr ? KeyOfQuote(zone, packet) : KeyOf(zone, packet);
  Explanation explanation;
  std::optional<StoredConnection> copied;
  if (directed.has_value()) {
    explanation.before = rehearsal.Copy(directed->key);
    copied = rehearsal.Find(directed->key);
  }
  explanation.verdict = rehearsal.Track(packet);
  explanation.events = rehearsal.Events(copied.has_value() ? 1 : 0);
  if (directed.has_value()) explanation.after = rehearsal.Find(directed->key);
  const bool begins = !explanation.before.has_value() && explanation.after.has_value();
  for (Event& event : explanation.events) {
    SetRealId(copied, explanation.before, &event.connection);
    event.sequence = 0;
  }
  if (explanation.after.has_value()) SetRealId(copied, explanation.before, &*explanation.after);
  if (begins) ApplyLimit(tracker, zone, directed->key, &explanation);
  explanation.text = TextOf(explanation);
  return explanation;
}

}  // namespace conntrack
