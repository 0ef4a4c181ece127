#include "tests/bench/workload.h"

#include <algorithm>

#include "server/tracker/check.h"

namespace conntrack::bench {
namespace {

constexpr uint32_t kPayloadBytes = 100;

}  // namespace

Workload::Workload(const WorkloadOptions& options)
    : options_(options), random_(options.seed), sides_(options.connections) {}

Packet Workload::Make(uint32_t number, bool reply) const {
  Packet packet;
  packet.time = kNow;
  packet.family = options_.family;
  packet.protocol = options_.protocol;
  // Odd multipliers: every number has its own ends, and none is near the next.
  const uint32_t pair = options_.one_pair ? 0 : number;
  Address client = Ipv4Address(0x0A000000 | (pair * 0x9E3779B1u >> 8));
  Address server = Ipv4Address(0xC0000000 | (pair * 0x85EBCA6Bu >> 12));
  if (options_.family == Family::kIpv6) {
    client.high = server.high = 0x2001'0DB8'0000'0000;
  }
  const auto client_port = static_cast<uint16_t>(1024 + number % 60'000);
  const auto server_port = static_cast<uint16_t>(443 + (options_.one_pair ? number / 60'000 : 0));
  packet.source = reply ? server : client;
  packet.destination = reply ? client : server;
  packet.ports = reply ? PortsWord(server_port, client_port) : PortsWord(client_port, server_port);
  packet.total_length = options_.family == Family::kIpv4 ? 40 : 60;
  return packet;
}

Packet Workload::First(uint32_t number) {
  Packet packet = Make(number, false);
  if (options_.protocol != kProtocolTcp) return packet;
  packet.tcp_flags = tcp_flag::kSyn;
  packet.sequence = sides_[number].next[0]++;
  packet.window = 65'535;
  return packet;
}

void Workload::AppendOpening(uint32_t number, std::vector<Packet>* packets) {
  packets->push_back(First(number));
  Packet answer = Make(number, true);
  if (options_.protocol != kProtocolTcp) {
    packets->push_back(answer);
    return;
  }
  Sides& sides = sides_[number];
  answer.tcp_flags = tcp_flag::kSyn | tcp_flag::kAck;
  answer.sequence = sides.next[1]++;
  answer.acknowledgment = sides.next[0];
  answer.window = 65'535;
  packets->push_back(answer);
  Packet third = Make(number, false);
  third.tcp_flags = tcp_flag::kAck;
  third.sequence = sides.next[0];
  third.acknowledgment = sides.next[1];
  third.window = 65'535;
  packets->push_back(third);
}

void Workload::Fill(std::span<Packet> packets, std::vector<uint32_t>* numbers) {
  if (numbers != nullptr) numbers->clear();
  for (Packet& packet : packets) {
    const uint32_t number = random_.Below(options_.connections);
    const bool reply = (random_.Next() & 1) != 0;
    if (numbers != nullptr) numbers->push_back(number);
    packet = Make(number, reply);
    packet.total_length += kPayloadBytes;
    if (options_.protocol != kProtocolTcp) continue;
    Sides& sides = sides_[number];
    packet.tcp_flags = tcp_flag::kAck | tcp_flag::kPsh;
    packet.sequence = sides.next[reply ? 1 : 0];
    packet.acknowledgment = sides.next[reply ? 0 : 1];
    packet.window = 65'535;
    packet.payload_length = kPayloadBytes;
    sides.next[reply ? 1 : 0] += kPayloadBytes;
  }
}

void OpenConnections(Workload* workload, Tracker* tracker, ZoneIndex zone, Time now) {
  const uint64_t before = tracker->connections();
  std::vector<Packet> packets;
  std::vector<Verdict> verdicts;
  for (uint32_t number = 0; number < workload->connections(); ++number) {
    workload->AppendOpening(number, &packets);
    if (packets.size() < 4096 && number + 1 < workload->connections()) continue;
    verdicts.resize(packets.size());
    tracker->Process({.zone = zone, .server_now = now}, packets, verdicts);
    packets.clear();
  }
  CT_CHECK(tracker->connections() - before == workload->connections());
}

std::unique_ptr<Tracker> MakeTracker(Workload* workload, uint32_t slot_count) {
  TrackerOptions options;
  options.slot_count = slot_count;
  options.slot_hash_seed = 0x5EED;
  options.table_secret = 0x5EC2E7;
  // Small: benchmarks that read no events should not fill memory with them.
  options.event_bytes_max = 16u << 20;
  options.zone_settings.connections_max = workload->connections();
  auto tracker = std::make_unique<Tracker>(options);
  CT_CHECK(tracker->OpenZone(0, ZoneClock::kServer, options.zone_settings).ok());
  OpenConnections(workload, tracker.get(), 0, kNow);
  return tracker;
}

}  // namespace conntrack::bench
