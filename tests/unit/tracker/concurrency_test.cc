// The tracker under many threads at once: for ThreadSanitizer, and to see that
// the counters add up afterwards whatever the interleaving.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "server/tracker/tracker.h"

namespace conntrack {
namespace {

constexpr int kBatches = 300;
constexpr size_t kPackets = 64;
constexpr Time kStart = TimeFromUnixNanos(1'700'000'000'000'000'000);

TrackerOptions Options() {
  TrackerOptions options;
  options.slot_count = 4;                       // So that threads meet.
  options.event_bytes_max = 1u << 20;           // So that segments are given up while read.
  options.zone_settings.connections_max = 500;  // So that connections are evicted.
  return options;
}

Packet RandomPacket(std::mt19937_64& random, Time now) {
  constexpr uint8_t kFlags[] = {tcp_flag::kSyn, tcp_flag::kSyn | tcp_flag::kAck, tcp_flag::kAck,
                                tcp_flag::kFin | tcp_flag::kAck, tcp_flag::kRst};
  Packet packet;
  packet.time = now;
  const Address client = Ipv4Address(0x0A000000 + static_cast<uint32_t>(random() % 64));
  const Address server = Ipv4Address(0x0A000100 + static_cast<uint32_t>(random() % 16));
  const auto port = static_cast<uint16_t>(1000 + random() % 4);
  const bool reply = random() % 2 == 0;
  packet.source = reply ? server : client;
  packet.destination = reply ? client : server;
  packet.ports = reply ? PortsWord(80, port) : PortsWord(port, 80);
  packet.total_length = 40;
  packet.protocol = random() % 3 == 0 ? kProtocolUdp : kProtocolTcp;
  packet.tcp_flags = kFlags[random() % std::size(kFlags)];
  packet.window = 1000;
  return packet;
}

// Feeds one zone; two threads feed the same one.
void Feed(Tracker& tracker, ZoneIndex zone, uint64_t seed, std::atomic<uint64_t>& packets) {
  std::mt19937_64 random(seed);
  std::vector<Packet> batch(kPackets);
  std::vector<Verdict> verdicts(kPackets);
  Time now = kStart;
  for (int i = 0; i < kBatches; ++i) {
    now += std::chrono::milliseconds(random() % 1000);
    for (Packet& packet : batch) packet = RandomPacket(random, now);
    tracker.Process({zone, now, 0}, batch, verdicts);
    packets += batch.size();
  }
}

// Reads all there is to read, until told to stop.
void Read(Tracker& tracker, const std::atomic<bool>& stop) {
  std::vector<uint64_t> next(tracker.options().slot_count, 1);
  while (!stop) {
    ScanPosition position;
    size_t seen = 0;
    while (tracker
               .Scan(&position, {.server_now = kStart, .places_max = 16},
                     [&](const ConnectionRef& connection, Time) { seen += connection.id() != 0; })
               .more) {
    }
    for (uint32_t slot = 0; slot < tracker.options().slot_count; ++slot) {
      if (tracker.LastSequence(slot) < next[slot]) continue;
      const SlotEvents events = tracker.ReadEvents(slot, next[slot]);
      next[slot] = std::max(next[slot], events.first_retained);
      for (size_t i = 0; i < events.range.count; ++i) {
        EXPECT_EQ(events.range[i].sequence, next[slot] + i);
      }
      next[slot] += events.range.count;
    }
    EXPECT_GT(tracker.table_bytes() + 1, 0u);
    ASSERT_TRUE(tracker.FindZone(1).has_value());
  }
}

void Administer(Tracker& tracker, const std::atomic<bool>& stop) {
  ZoneSettings settings = Options().zone_settings;
  uint32_t zone = 100;
  for (Time now = kStart; !stop; now += std::chrono::milliseconds(100)) {
    tracker.Expire(now, 100);
    settings.tcp.loose = !settings.tcp.loose;
    EXPECT_TRUE(tracker.SetZoneSettings(0, settings).ok());
    if (zone < 200) {
      EXPECT_TRUE(tracker.OpenZone(zone++, std::nullopt, settings).ok());
    }
    EXPECT_LE(tracker.zone(0).connections.load(), settings.connections_max + 2);
  }
}

TEST(TrackerConcurrencyTest, CountersAddUpAfterManyThreads) {
  Tracker tracker(Options());
  const auto server_zone = tracker.OpenZone(1, ZoneClock::kServer, Options().zone_settings);
  const auto packet_zone = tracker.OpenZone(2, ZoneClock::kPacket, Options().zone_settings);
  ASSERT_TRUE(server_zone.ok() && packet_zone.ok());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> packets{0};
  std::vector<std::thread> readers;
  readers.emplace_back([&] { Read(tracker, stop); });
  readers.emplace_back([&] { Administer(tracker, stop); });
  std::vector<std::thread> feeders;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    for (const ZoneIndex zone : {*server_zone, *packet_zone}) {
      feeders.emplace_back([&, zone, seed] { Feed(tracker, zone, seed, packets); });
    }
  }
  for (std::thread& thread : feeders) thread.join();
  stop = true;
  for (std::thread& thread : readers) thread.join();

  uint64_t counted = 0;
  for (ZoneIndex index = 0; index < tracker.zone_count(); ++index) {
    const Zone& zone = tracker.zone(index);
    for (const auto& verdicts : zone.packets) counted += verdicts;
    int64_t by_state = 0;
    for (const auto& gauge : zone.by_state) {
      EXPECT_GE(gauge.load(), 0);
      by_state += gauge;
    }
    EXPECT_EQ(by_state, static_cast<int64_t>(zone.connections.load()));
    // Each connection that began has ended, or is still there.
    EXPECT_EQ(zone.events[0].load(), zone.events[2].load() + zone.connections.load());
  }
  EXPECT_EQ(counted, packets.load());
  EXPECT_EQ(counted, uint64_t{4} * kBatches * kPackets);
}

}  // namespace
}  // namespace conntrack
