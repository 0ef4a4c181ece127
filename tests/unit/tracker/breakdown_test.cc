// Breakdowns beside a count that looks at every connection: whatever comes, goes
// and does not fit, the sum is exact, and so is each group.
#include "server/tracker/breakdown.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "server/tracker/request.h"
#include "server/tracker/tracker.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

constexpr Time kStart = TimeFromUnixNanos(1'700'000'000'000'000'000);

BreakdownOptions Options(const std::string& name, const std::vector<std::string>& fields,
                         size_t groups_max) {
  absl::StatusOr<Grouping> grouping = Grouping::Compile(fields, 4);
  EXPECT_TRUE(grouping.ok()) << grouping.status();
  return {name, *grouping, groups_max};
}

TrackerOptions OptionsWith(std::vector<BreakdownOptions> breakdowns) {
  TrackerOptions options;
  options.slot_count = 4;
  options.breakdowns = std::move(breakdowns);
  return options;
}

// UDP to one of 20 servers of 5 networks and one of 3 ports.
Packet PacketOf(uint64_t number, bool ipv6) {
  Packet packet;
  packet.time = kStart;
  packet.family = ipv6 ? Family::kIpv6 : Family::kIpv4;
  packet.source = Ipv4Address(0x0A000000 + static_cast<uint32_t>(number));
  packet.destination = Ipv4Address(0xC0000200 + static_cast<uint32_t>(number % 20) * 64);
  packet.ports = PortsWord(1000, static_cast<uint16_t>(50 + number % 3));
  packet.total_length = 60;
  packet.protocol = kProtocolUdp;
  return packet;
}

void Send(Tracker* tracker, const Packet& packet, Time now) {
  Verdict verdict;
  tracker->Process({0, now, 0}, {&packet, 1}, {&verdict, 1});
}

std::map<GroupKey, uint64_t> CountAll(Tracker* tracker, const Grouping& grouping) {
  std::map<GroupKey, uint64_t> groups;
  ScanPosition position;
  // What has expired but was not removed yet is still counted.
  const ScanStepOptions step{.server_now = kStart, .expired_too = true};
  const auto count = [&](const ConnectionRef& connection, Time) {
    GroupKey key{};
    grouping.ReadKey(connection, key.data());
    ++groups[key];
  };
  while (tracker->Scan(&position, step, count).more) {
  }
  return groups;
}

void ExpectExact(Tracker* tracker) {
  for (size_t i = 0; i < tracker->breakdowns().size(); ++i) {
    const Breakdown& breakdown = tracker->breakdowns()[i];
    const size_t groups_max = breakdown.options().groups_max;
    const std::map<GroupKey, uint64_t> all = CountAll(tracker, breakdown.options().grouping);
    const Breakdown::Largest whole = breakdown.Top(SIZE_MAX);
    EXPECT_EQ(whole.groups_kept, whole.groups.size());
    EXPECT_LE(whole.groups_kept, groups_max);
    uint64_t sum = whole.other;
    for (const Breakdown::Group& group : whole.groups) {
      sum += group.connections;
      const auto found = all.find(group.key);
      ASSERT_NE(found, all.end());
      // Exact where there is room for all; with less, some of it is in `other`.
      if (groups_max > 100) {
        EXPECT_EQ(group.connections, found->second);
      } else {
        EXPECT_LE(group.connections, found->second);
      }
    }
    if (groups_max > 100) {
      EXPECT_EQ(whole.groups.size(), all.size());
      EXPECT_EQ(whole.other, 0u);
    }
    EXPECT_EQ(sum, tracker->connections());
    // Fewer shown: the same sum.
    const Breakdown::Largest top = breakdown.Top(2);
    ASSERT_LE(top.groups.size(), 2u);
    uint64_t top_sum = top.other;
    for (const Breakdown::Group& group : top.groups) top_sum += group.connections;
    EXPECT_EQ(top_sum, sum);
    for (size_t place = 0; place < top.groups.size(); ++place) {
      EXPECT_EQ(top.groups[place].key, whole.groups[place].key);
    }
  }
}

TEST(BreakdownTest, AgreesWithACountOfAll) {
  testing::Random random(testing::TestSeed());
  Tracker tracker(OptionsWith({
      Options("network", {"original.destination/24/120", "protocol"}, 1000),
      Options("service", {"original.destination_port"}, 2),
      Options("server", {"original.destination"}, 7),
      Options("family", {"family", "zone"}, 1),
  }));
  ZoneSettings settings;
  // Full now and then: eviction counts as well.
  settings.connections_max = 400;
  ASSERT_TRUE(tracker.OpenZone(0, ZoneClock::kServer, settings).ok());
  const absl::StatusOr<Filter> some = Filter::Compile("original.destination_port = 51", {});
  ASSERT_TRUE(some.ok());
  Time now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    Send(&tracker, PacketOf(random.Below(2'000), random.OneIn(3)), now);
    now += std::chrono::milliseconds(random.Below(100));
    if (random.OneIn(200)) tracker.Expire(now, random.Below(50));
    if (random.OneIn(1'000)) {
      ConnectionRequest request;
      request.kind = ConnectionRequest::Kind::kDelete;
      ScanPosition position;
      RequestCounts counts;
      while (
          tracker.Apply(request, &position, {.server_now = now, .filter = &*some}, &counts).more) {
      }
    }
    if (i % 500 == 0) ExpectExact(&tracker);
  }
  ExpectExact(&tracker);
  tracker.Expire(now + std::chrono::hours(1), SIZE_MAX);
  ASSERT_EQ(tracker.connections(), 0u);
  for (size_t i = 0; i < tracker.breakdowns().size(); ++i) {
    const Breakdown::Largest left = tracker.breakdowns()[i].Top(SIZE_MAX);
    EXPECT_EQ(left.groups_kept, 0u);
    EXPECT_EQ(left.other, 0u);
  }
}

TEST(BreakdownTest, ThreadsCountTogether) {
  Tracker tracker(OptionsWith({Options("server", {"original.destination"}, 10)}));
  ASSERT_TRUE(tracker.OpenZone(0, ZoneClock::kServer, ZoneSettings()).ok());
  constexpr uint64_t kConnections = 2'000;
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop.load()) {
      const Breakdown::Largest top = tracker.breakdowns()[0].Top(3);
      EXPECT_LE(top.groups_kept, 10u);
    }
  });
  std::vector<std::thread> writers;
  for (const bool ipv6 : {false, true}) {
    writers.emplace_back([&, ipv6] {
      for (int turn = 0; turn < 3; ++turn) {
        const Time now = kStart + std::chrono::hours(turn);
        for (uint64_t i = 0; i < kConnections; ++i) Send(&tracker, PacketOf(i, ipv6), now);
        tracker.Expire(now, 100);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop.store(true);
  reader.join();
  ExpectExact(&tracker);
}

TEST(BreakdownTest, FieldsThatChangeAreRefused) {
  for (const char* field : {"state", "assured", "seen_reply", "mark", "packets", "reply.bytes"}) {
    const std::vector<std::string> fields = {"protocol", field};
    const absl::StatusOr<Grouping> grouping = Grouping::Compile(fields, 4);
    ASSERT_TRUE(grouping.ok()) << grouping.status();
    EXPECT_EQ(grouping->CheckFixed().message(),
              std::string("group_by \"") + field + "\" changes in the life of a connection");
    EXPECT_FALSE(OptionsWith({{"a", *grouping, 1}}).Validate().ok());
  }
}

}  // namespace
}  // namespace conntrack
