// What users ask to be done with connections: what changes, what is told, and what
// stays as it is.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/tracker/request.h"
#include "server/tracker/tracker.h"

namespace conntrack {
namespace {

using std::chrono::seconds;

constexpr Time kStart = TimeFromUnixNanos(1'700'000'000'000'000'000);
constexpr uint32_t kClient = 0x0A000001;
constexpr uint32_t kServer = 0x0A000002;

class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest() : tracker_(Options()) {
    zone_ = *tracker_.OpenZone(7, ZoneClock::kServer, ZoneSettings());
  }

  static TrackerOptions Options() {
    TrackerOptions options;
    options.slot_count = 4;
    return options;
  }

  // A UDP packet to port 53; timeouts are 30 s.
  void Send(uint16_t port, Time now, bool ipv6 = false) {
    Packet packet;
    packet.time = now;
    packet.family = ipv6 ? Family::kIpv6 : Family::kIpv4;
    packet.source = Ipv4Address(kClient + port / 16);
    packet.destination = Ipv4Address(kServer);
    packet.ports = PortsWord(port, 53);
    packet.total_length = 50;
    packet.protocol = kProtocolUdp;
    Verdict verdict;
    tracker_.Process({zone_, now, 0}, {&packet, 1}, {&verdict, 1});
  }

  RequestCounts Apply(const ConnectionRequest& request, const std::string& text, Time now) {
    FilterOptions options;
    options.slot_count = tracker_.options().slot_count;
    const absl::StatusOr<Filter> filter = Filter::Compile(text, options);
    EXPECT_TRUE(filter.ok()) << filter.status();
    const ScanStepOptions step{.server_now = now, .filter = &*filter};
    ScanPosition position;
    RequestCounts counts;
    while (tracker_.Apply(request, &position, step, &counts).more) {
    }
    return counts;
  }

  std::vector<StoredConnection> All(Time now) {
    std::vector<StoredConnection> all;
    ScanPosition position;
    while (
        tracker_
            .Scan(&position, {.server_now = now},
                  [&](const ConnectionRef& connection, Time) { all.push_back(connection.Copy()); })
            .more) {
    }
    return all;
  }

  // The events of all slots since the last call.
  std::vector<Event> NewEvents() {
    std::vector<Event> events;
    for (uint32_t slot = 0; slot < tracker_.options().slot_count; ++slot) {
      while (tracker_.LastSequence(slot) >= next_[slot]) {
        const SlotEvents read = tracker_.ReadEvents(slot, next_[slot]);
        for (size_t i = 0; i < read.range.count; ++i) events.push_back(read.range[i]);
        next_[slot] += read.range.count;
      }
    }
    return events;
  }

  Tracker tracker_;
  ZoneIndex zone_ = 0;
  std::vector<uint64_t> next_ = std::vector<uint64_t>(4, 1);
};

TEST_F(RequestsTest, AMarkChangesUnderItsMask) {
  Send(1, kStart);
  ConnectionRequest request;
  request.mark = 0xAB;
  request.mark_mask = 0xFFFF;
  Apply(request, "", kStart);
  NewEvents();
  request.mark = 0x10;
  request.mark_mask = 0xF0;
  const RequestCounts counts = Apply(request, "", kStart + seconds(1));
  EXPECT_EQ(counts.matched, 1u);
  EXPECT_EQ(counts.changed, 1u);
  const std::vector<Event> events = NewEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, EventType::kUpdate);
  EXPECT_EQ(events[0].cause, EventCause::kRequest);
  EXPECT_EQ(events[0].changes, change::kMark);
  EXPECT_EQ(events[0].time, kStart + seconds(1));
  EXPECT_EQ(events[0].connection.extra.mark, 0x1Bu);
  EXPECT_FALSE(events[0].has_tcp_flags);
  EXPECT_EQ(All(kStart)[0].extra.mark, 0x1Bu);
}

TEST_F(RequestsTest, LabelsAreSetAndCleared) {
  Send(1, kStart);
  Send(2, kStart, true);
  ConnectionRequest request;
  request.labels.Set(5);
  request.labels.Set(100);
  request.labels_mask = request.labels;
  EXPECT_EQ(Apply(request, "", kStart).changed, 2u);
  for (const StoredConnection& connection : All(kStart)) {
    EXPECT_EQ(connection.labels, request.labels);
  }
  ConnectionRequest other;
  other.labels.Set(7);
  other.labels_mask = other.labels;
  other.labels_mask.Set(5);
  NewEvents();
  EXPECT_EQ(Apply(other, "family = 6", kStart).changed, 1u);
  const std::vector<Event> events = NewEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].changes, change::kLabels);
  Labels expected;
  expected.Set(7);
  expected.Set(100);
  EXPECT_EQ(events[0].connection.labels, expected);
  EXPECT_EQ(Apply(request, "labels:7 AND NOT labels:5", kStart).matched, 1u);
}

TEST_F(RequestsTest, ATimeoutHoldsUntilTheNextPacket) {
  Send(1, kStart);
  Send(2, kStart);
  ConnectionRequest request;
  request.timeout = seconds(5);
  EXPECT_EQ(Apply(request, "", kStart + seconds(10)).changed, 2u);
  for (const Event& event : NewEvents()) {
    if (event.type == EventType::kNew) continue;
    EXPECT_EQ(event.changes, change::kTimeout);
    EXPECT_EQ(event.connection.record.deadline, kStart + seconds(15));
    EXPECT_EQ(event.connection.ref().last_seen(), kStart);
  }
  Send(1, kStart + seconds(12));
  EXPECT_EQ(tracker_.Expire(kStart + seconds(15), SIZE_MAX), 1u);
  const std::vector<Event> ends = NewEvents();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].cause, EventCause::kTimeout);
  EXPECT_EQ(ends[0].time, kStart + seconds(15));
  ASSERT_EQ(All(kStart + seconds(15)).size(), 1u);
  EXPECT_EQ(All(kStart + seconds(15))[0].record.deadline, kStart + seconds(42));
}

// Far longer than the 49 days that last_seen can be told from.
TEST_F(RequestsTest, ATimeoutSetAgainAndAgainKeepsAConnection) {
  Send(1, kStart);
  ConnectionRequest request;
  request.timeout = kRequestTimeoutMax;
  Time now = kStart;
  for (int i = 0; i < 10; ++i) {
    now += seconds(20);
    EXPECT_EQ(Apply(request, "", now).changed, 1u);
    now += kRequestTimeoutMax - seconds(30);
    EXPECT_EQ(tracker_.Expire(now, SIZE_MAX), 0u);
    ASSERT_EQ(All(now).size(), 1u);
    EXPECT_LE(All(now)[0].ref().last_seen(), now);
  }
  EXPECT_EQ(tracker_.Expire(now + seconds(30), SIZE_MAX), 1u);
}

TEST_F(RequestsTest, WhatIsAsItShouldBeMakesNoEvent) {
  Send(1, kStart);
  ConnectionRequest request;
  request.mark = 3;
  request.mark_mask = UINT32_MAX;
  request.labels_mask.Set(9);
  request.timeout = seconds(30);
  EXPECT_EQ(Apply(request, "", kStart).changed, 1u);
  NewEvents();
  const RequestCounts counts = Apply(request, "", kStart);
  EXPECT_EQ(counts.matched, 1u);
  EXPECT_EQ(counts.changed, 0u);
  EXPECT_TRUE(NewEvents().empty());
}

TEST_F(RequestsTest, ADryRunCountsAndDoesNothing) {
  for (uint16_t port = 1; port <= 10; ++port) Send(port, kStart);
  NewEvents();
  ConnectionRequest request;
  request.dry_run = true;
  request.mark = request.mark_mask = 1;
  EXPECT_EQ(Apply(request, "port <= 4", kStart).changed, 4u);
  request.kind = ConnectionRequest::Kind::kDelete;
  EXPECT_EQ(Apply(request, "port <= 4", kStart).changed, 4u);
  EXPECT_TRUE(NewEvents().empty());
  EXPECT_EQ(All(kStart).size(), 10u);
}

TEST_F(RequestsTest, DeletedConnectionsEndWithCauseRequest) {
  // More than one step takes, in whole chunks that are given back under the scan.
  for (uint16_t port = 1; port <= 1'000; ++port) Send(port, kStart, port % 3 == 0);
  NewEvents();
  ConnectionRequest request;
  request.kind = ConnectionRequest::Kind::kDelete;
  const RequestCounts counts = Apply(request, "original.source_port <= 900", kStart + seconds(2));
  EXPECT_EQ(counts.matched, 900u);
  EXPECT_EQ(counts.changed, 900u);
  const std::vector<Event> events = NewEvents();
  ASSERT_EQ(events.size(), 900u);
  for (const Event& event : events) {
    ASSERT_EQ(event.type, EventType::kDestroy);
    ASSERT_EQ(event.cause, EventCause::kRequest);
    ASSERT_EQ(event.time, kStart + seconds(2));
    ASSERT_TRUE(event.connection.ref().Has(status_bit::kDying));
  }
  EXPECT_EQ(All(kStart).size(), 100u);
  EXPECT_EQ(tracker_.zone(zone_).connections, 100u);
  // Their places in expiry are gone with them.
  EXPECT_EQ(tracker_.Expire(kStart + seconds(60), SIZE_MAX), 100u);
}

TEST_F(RequestsTest, WhatHasExpiredIsNotChanged) {
  Send(1, kStart);
  ConnectionRequest request;
  request.mark = request.mark_mask = 1;
  EXPECT_EQ(Apply(request, "", kStart + seconds(30)).matched, 0u);
}

TEST_F(RequestsTest, AnIdIsLookedForInItsSlotOnly) {
  for (uint16_t port = 1; port <= 200; ++port) Send(port, kStart);
  const std::vector<StoredConnection> all = All(kStart);
  FilterOptions options;
  options.slot_count = 4;
  for (const StoredConnection& connection : all) {
    const uint64_t id = connection.extra.id;
    const std::string text = "protocol = UDP AND id = " + std::to_string(id);
    const Filter filter = *Filter::Compile(text, options);
    for (uint32_t slot = 0; slot < 4; ++slot) EXPECT_EQ(filter.MayMatchIn(slot), slot == id % 4);
    ConnectionRequest request;
    request.mark = request.mark_mask = 1;
    EXPECT_EQ(Apply(request, text, kStart).changed, 1u);
  }
  for (const char* text : {"id != 5", "NOT id = 5", "id = 5 OR zone = 7", "id > 5"}) {
    const Filter filter = *Filter::Compile(text, options);
    for (uint32_t slot = 0; slot < 4; ++slot) EXPECT_TRUE(filter.MayMatchIn(slot)) << text;
  }
}

}  // namespace
}  // namespace conntrack
