// A cut of a slot is what its events make up to the cut's sequence, whatever
// happens while it is read.
#include "server/tracker/cut.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/testing/random.h"
#include "tests/testing/random_request.h"
#include "tests/testing/slot_table.h"

namespace conntrack {
namespace {

using testing::RowOf;
using testing::SlotTable;

constexpr Time kStart = TimeFromUnixNanos(1'700'000'000'000'000'000);

// A tracker with one slot in which things happen at random.
class CutTest : public ::testing::Test {
 protected:
  void Make(uint64_t event_bytes_max) {
    TrackerOptions options;
    options.slot_count = 1;
    options.event_bytes_max = event_bytes_max;
    tracker_ = std::make_unique<Tracker>(options);
    zone_ = *tracker_->OpenZone(1, ZoneClock::kServer, ZoneSettings());
  }

  // Packets, requests, expiry.
  void Happen(int count) {
    for (int i = 0; i < count; ++i) {
      now_ += std::chrono::milliseconds(random_.Below(50));
      if (random_.OneIn(50)) {
        Request();
      } else if (random_.OneIn(50)) {
        tracker_->Expire(now_, 1 + random_.Below(10));
      } else {
        SendPacket();
      }
    }
  }

  void SendPacket() {
    constexpr uint8_t kFlags[] = {tcp_flag::kSyn, tcp_flag::kSyn | tcp_flag::kAck, tcp_flag::kAck,
                                  tcp_flag::kRst};
    Packet packet;
    packet.time = now_;
    const bool reply = random_.OneIn(2);
    const Address client = Ipv4Address(1 + static_cast<uint32_t>(random_.Below(600)));
    const Address server = Ipv4Address(10'000);
    packet.source = reply ? server : client;
    packet.destination = reply ? client : server;
    packet.ports = reply ? PortsWord(80, 1000) : PortsWord(1000, 80);
    packet.protocol = random_.OneIn(2) ? kProtocolTcp : kProtocolUdp;
    packet.total_length = 40;
    packet.window = 1000;
    packet.tcp_flags = kFlags[random_.Below(std::size(kFlags))];
    Verdict verdict;
    tracker_->Process({zone_, now_, 0}, {&packet, 1}, {&verdict, 1});
  }

  void Request() {
    const ConnectionRequest request = testing::RandomRequest(&random_);
    ScanPosition position{0, static_cast<uint32_t>(64 * random_.Below(16))};
    RequestCounts counts;
    tracker_->Apply(request, &position,
                    {.server_now = now_, .places_max = 64, .visits_max = 1 + random_.Below(20)},
                    &counts);
  }

  // The connections that match, from the events 1 to `last` alone.
  SlotTable Rebuilt(uint64_t last, const Filter& filter) {
    SlotTable table;
    for (uint64_t next = 1; next <= last;) {
      const SlotEvents events = tracker_->ReadEvents(0, next);
      EXPECT_EQ(events.first_retained, 1u);
      for (size_t i = 0; i < events.range.count && next <= last; ++i, ++next) {
        const ConnectionRef connection = events.range[i].connection.ref();
        table.erase(connection.id());
        if (events.range[i].type == EventType::kDestroy) continue;
        if (filter.Matches(connection, now_)) table[connection.id()] = RowOf(connection);
      }
    }
    return table;
  }

  // Reads a cut, with `between` happening after each step; false when it was lost.
  bool Read(SlotCut* cut, int between, SlotTable* table) {
    SlotCut::State state = SlotCut::State::kMore;
    while (state == SlotCut::State::kMore) {
      state = cut->Next(
          now_, 64,
          [&](const ConnectionRef& connection, Time) {
            (*table)[connection.id()] = RowOf(connection);
          },
          [&](uint64_t id) { table->erase(id); });
      Happen(between);
    }
    return state == SlotCut::State::kWhole;
  }

  testing::Random random_{testing::TestSeed()};
  std::unique_ptr<Tracker> tracker_;
  ZoneIndex zone_ = 0;
  Time now_ = kStart;
};

TEST_F(CutTest, IsWhatTheEventsMakeUpToItsSequence) {
  Make(1u << 30);
  size_t connections = 0;
  for (const char* text : {"", "mark = 1", "protocol = TCP AND NOT labels:0", "slot = 0"}) {
    const Filter filter = *Filter::Compile(text, FilterOptions());
    for (int round = 0; round < 20; ++round) {
      Happen(100);
      SlotCut cut(tracker_.get(), 0, &filter);
      SlotTable table;
      ASSERT_TRUE(Read(&cut, static_cast<int>(random_.Below(100)), &table));
      ASSERT_EQ(table, Rebuilt(cut.sequence(), filter)) << text;
      connections += table.size();
    }
  }
  EXPECT_GT(connections, 1'000u);
}

TEST_F(CutTest, WhatItCannotReadIsToldAsLost) {
  // One segment of events is kept, and each step makes more.
  Make(1);
  Happen(3'000);
  const Filter all;
  SlotCut cut(tracker_.get(), 0, &all);
  SlotTable table;
  EXPECT_FALSE(Read(&cut, 1'000, &table));
}

TEST_F(CutTest, OfASlotThatCannotMatchIsEmpty) {
  TrackerOptions options;
  options.slot_count = 2;
  tracker_ = std::make_unique<Tracker>(options);
  zone_ = *tracker_->OpenZone(1, ZoneClock::kServer, ZoneSettings());
  Happen(200);
  FilterOptions filter_options;
  filter_options.slot_count = 2;
  const Filter filter = *Filter::Compile("slot = 1", filter_options);
  for (uint32_t slot = 0; slot < 2; ++slot) {
    SlotCut cut(tracker_.get(), slot, &filter);
    SlotTable table;
    EXPECT_TRUE(Read(&cut, 0, &table));
    EXPECT_EQ(table.empty(), slot == 0);
    EXPECT_EQ(cut.sequence(), tracker_->LastSequence(slot));
  }
}

}  // namespace
}  // namespace conntrack
