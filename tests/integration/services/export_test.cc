// ExportConnections over a real socket: each slot's cut is what its events make up
// to the cut's sequence.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "tests/integration/services/connections_fixture.h"
#include "tests/testing/random.h"

namespace conntrack {
namespace {

using Table = std::map<uint64_t, std::string>;

// What changes only with an event.
std::string EssenceOf(uint32_t status, uint32_t mark) {
  return std::to_string(status) + " " + std::to_string(mark);
}

// What a client makes of an export.
struct Exported {
  std::map<uint32_t, Table> slots;
  std::map<uint32_t, v1::ExportCut> cuts;
  int messages = 0;
  int restarts = 0;

  size_t size() const {
    size_t sum = 0;
    for (const auto& [slot, table] : slots) sum += table.size();
    return sum;
  }

  void Take(const v1::ExportConnectionsResponse& part) {
    ++messages;
    Table& table = slots[part.slot()];
    if (part.restarted()) {
      table.clear();
      ++restarts;
    }
    EXPECT_EQ(cuts.count(part.slot()), 0u) << "more after the cut";
    for (const v1::Connection& connection : part.connections()) {
      EXPECT_EQ(connection.slot(), part.slot());
      table[connection.id()] = EssenceOf(connection.status(), connection.mark());
    }
    for (const uint64_t id : part.removed_ids()) table.erase(id);
    if (part.has_cut()) cuts[part.slot()] = part.cut();
  }
};

class ExportTest : public ConnectionsTest {
 protected:
  grpc::Status Export(const std::string& filter, Exported* exported) {
    grpc::ClientContext context;
    v1::ExportConnectionsRequest request;
    request.set_filter(filter);
    const auto reader = stub_->ExportConnections(&context, request);
    v1::ExportConnectionsResponse part;
    while (reader->Read(&part)) exported->Take(part);
    return reader->Finish();
  }

  // The connections of a slot from its events up to `last` alone.
  Table Rebuilt(uint32_t slot, uint64_t last) {
    Table table;
    for (uint64_t next = 1; next <= last;) {
      const SlotEvents events = server().tracker().ReadEvents(slot, next);
      EXPECT_EQ(events.first_retained, 1u);
      for (size_t i = 0; i < events.range.count && next <= last; ++i, ++next) {
        const ConnectionRef connection = events.range[i].connection.ref();
        table[connection.id()] = EssenceOf(connection.record().status, connection.extra().mark);
        if (events.range[i].type == EventType::kDestroy) table.erase(connection.id());
      }
    }
    return table;
  }
};

TEST_F(ExportTest, EverySlotIsThereWithItsCut) {
  SendHandshake();
  SendUdp(1'000);
  Exported exported;
  ASSERT_TRUE(Export("", &exported).ok());
  EXPECT_EQ(exported.size(), 1'001u);
  EXPECT_EQ(exported.cuts.size(), 256u);
  for (const auto& [slot, cut] : exported.cuts) {
    EXPECT_EQ(cut.epoch(), server().tracker().options().epoch);
    EXPECT_EQ(cut.sequence(), server().tracker().LastSequence(slot));
  }
  Exported filtered;
  ASSERT_TRUE(Export("port <= 10", &filtered).ok());
  EXPECT_EQ(filtered.size(), 10u);
  EXPECT_EQ(filtered.cuts.size(), 256u);
}

TEST_F(ExportTest, CutsAreConsistentWhileEverythingChanges) {
  Tracker& tracker = server().tracker();
  const ZoneIndex zone = *tracker.OpenZone(9, ZoneClock::kServer, ZoneSettings());
  const uint64_t seed = testing::TestSeed();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> rounds{0};
  const auto change = [&](uint64_t thread) {
    testing::Random random(seed + thread);
    std::vector<Packet> packets(256);
    std::vector<Verdict> verdicts(packets.size());
    while (!stop) {
      const Time now = server().clock().Now();
      for (Packet& packet : packets) {
        const bool reply = random.OneIn(3);
        const Address client = Ipv4Address(kClient + static_cast<uint32_t>(random.Below(3'000)));
        packet.source = reply ? Ipv4Address(kServer) : client;
        packet.destination = reply ? client : Ipv4Address(kServer);
        packet.ports = reply ? PortsWord(53, 9) : PortsWord(9, 53);
        packet.protocol = kProtocolUdp;
        packet.total_length = 40;
      }
      tracker.Process({zone, now, 0}, packets, verdicts);
      ConnectionRequest request;
      if (random.OneIn(2)) request.kind = ConnectionRequest::Kind::kDelete;
      request.mark = static_cast<uint32_t>(random.Next());
      request.mark_mask = UINT32_MAX;
      ScanPosition position{static_cast<uint32_t>(random.Below(256)), 0};
      RequestCounts counts;
      tracker.Apply(request, &position, {.server_now = now, .visits_max = 20}, &counts);
      ++rounds;
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 2; ++i) threads.emplace_back(change, i);
  int messages = 0;
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = rounds;
    while (rounds < before + 200) std::this_thread::yield();
    Exported exported;
    const grpc::Status status = Export("", &exported);
    EXPECT_TRUE(status.ok()) << status.error_message();
    messages += exported.messages;
    EXPECT_EQ(exported.cuts.size(), 256u);
    for (const auto& [slot, cut] : exported.cuts) {
      EXPECT_EQ(exported.slots[slot], Rebuilt(slot, cut.sequence())) << "slot " << slot;
    }
    EXPECT_GT(exported.size(), 100u);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(messages, 5 * 256);
}

TEST_F(ExportTest, ABadFilterIsRefused) {
  Exported exported;
  const grpc::Status status = Export("colour = red", &exported);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ExportTest, CancelledExportsMakeRoom) {
  for (uint32_t i = 0; i < 20; ++i) {
    BatchWriter batch;
    for (uint16_t port = 1; port <= 1'000; ++port) batch.Udp(0, kClient + i, port, kServer, 53);
    Send(batch);
  }
  {
    // Its window stays 64 KiB, so that no export ends before it is read.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    const auto stub = v1::ConnectionService::NewStub(
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server().port()),
                                  grpc::InsecureChannelCredentials(), arguments));
    std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
    std::vector<std::unique_ptr<grpc::ClientReader<v1::ExportConnectionsResponse>>> readers;
    grpc::Status refused = grpc::Status::OK;
    for (int i = 0; i < 9; ++i) {
      contexts.push_back(std::make_unique<grpc::ClientContext>());
      readers.push_back(stub->ExportConnections(contexts.back().get(), {}));
      v1::ExportConnectionsResponse part;
      if (!readers.back()->Read(&part)) refused = readers.back()->Finish();
    }
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(refused.error_message(), "8 exports are under way already");
    for (int i = 0; i < 8; ++i) {
      contexts[i]->TryCancel();
      EXPECT_EQ(readers[i]->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
    // The server learns of it a moment later.
    grpc::Status status;
    do {
      Exported exported;
      status = Export("", &exported);
    } while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
}

// One slot, and memory for some thousand events.
class SmallExportTest : public ExportTest {
 protected:
  ServerConfig Config() const override {
    ServerConfig config = ExportTest::Config();
    config.slot_count = 1;
    config.event_bytes_max = 1u << 20;
    return config;
  }
};

TEST_F(SmallExportTest, ASlotWhoseEventsAreGoneBeginsAnew) {
  const auto send = [&](uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; ++i) {
      BatchWriter batch;
      for (uint16_t port = 1; port <= 1'000; ++port) batch.Udp(0, kClient + i, port, kServer, 53);
      Send(batch);
    }
  };
  send(0, 60);
  grpc::ClientContext context;
  const auto reader = stub_->ExportConnections(&context, {});
  Exported exported;
  v1::ExportConnectionsResponse part;
  ASSERT_TRUE(reader->Read(&part));
  exported.Take(part);
  EXPECT_FALSE(part.has_cut());
  send(60, 20);
  while (reader->Read(&part)) exported.Take(part);
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(exported.restarts, 1);
  EXPECT_EQ(exported.size(), 80'000u);
  EXPECT_EQ(exported.cuts[0].sequence(), 80'000u);
}

}  // namespace
}  // namespace conntrack
