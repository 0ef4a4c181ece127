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
  number += options_.first;
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

Packet Workload::Next(uint32_t number, bool reply, uint8_t flags, uint32_t advance) {
  Sides& sides = sides_[number];
  Packet packet = Make(number, reply);
  packet.tcp_flags = flags;
  packet.sequence = sides.next[reply ? 1 : 0];
  if ((flags & tcp_flag::kAck) != 0) packet.acknowledgment = sides.next[reply ? 0 : 1];
  packet.window = 65'535;
  sides.next[reply ? 1 : 0] += advance;
  return packet;
}

Packet Workload::First(uint32_t number) {
  if (options_.protocol != kProtocolTcp) return Make(number, false);
  return Next(number, false, tcp_flag::kSyn, 1);
}

void Workload::AppendOpening(uint32_t number, std::vector<Packet>* packets) {
  packets->push_back(First(number));
  if (options_.protocol != kProtocolTcp) {
    packets->push_back(Make(number, true));
    return;
  }
  packets->push_back(Next(number, true, tcp_flag::kSyn | tcp_flag::kAck, 1));
  packets->push_back(Next(number, false, tcp_flag::kAck, 0));
}

void Workload::AppendData(uint32_t number, std::vector<Packet>* packets) {
  for (const bool reply : {false, true}) {
    Packet packet = Next(number, reply, tcp_flag::kAck | tcp_flag::kPsh, kPayloadBytes);
    packet.payload_length = kPayloadBytes;
    packet.total_length += kPayloadBytes;
    packets->push_back(packet);
  }
}

void Workload::AppendClosing(uint32_t number, std::vector<Packet>* packets) {
  packets->push_back(Next(number, false, tcp_flag::kFin | tcp_flag::kAck, 1));
  packets->push_back(Next(number, true, tcp_flag::kFin | tcp_flag::kAck, 1));
  packets->push_back(Next(number, false, tcp_flag::kAck, 0));
}

void Workload::Fill(std::span<Packet> packets, std::vector<uint32_t>* numbers) {
  if (numbers != nullptr) numbers->clear();
  for (Packet& packet : packets) {
    const uint32_t number = random_.Below(options_.connections);
    const bool reply = (random_.Next() & 1) != 0;
    if (numbers != nullptr) numbers->push_back(number);
    if (options_.protocol != kProtocolTcp) {
      packet = Make(number, reply);
    } else {
      packet = Next(number, reply, tcp_flag::kAck | tcp_flag::kPsh, kPayloadBytes);
      packet.payload_length = kPayloadBytes;
    }
    packet.total_length += kPayloadBytes;
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

std::unique_ptr<Tracker> MakeEmptyTracker(const ZoneSettings& settings) {
  TrackerOptions options;
  options.slot_hash_seed = 0x5EED;
  options.table_secret = 0x5EC2E7;
  // Small: benchmarks that read no events should not fill memory with them.
  options.event_bytes_max = 16u << 20;
  options.zone_settings = settings;
  auto tracker = std::make_unique<Tracker>(options);
  CT_CHECK(tracker->OpenZone(0, ZoneClock::kServer, options.zone_settings).ok());
  return tracker;
}

std::unique_ptr<Tracker> MakeTracker(std::span<Workload> workloads) {
  ZoneSettings settings;
  settings.connections_max = 0;
  for (const Workload& workload : workloads) settings.connections_max += workload.connections();
  auto tracker = MakeEmptyTracker(settings);
  for (Workload& workload : workloads) OpenConnections(&workload, tracker.get(), 0, kNow);
  return tracker;
}

}  // namespace conntrack::bench
