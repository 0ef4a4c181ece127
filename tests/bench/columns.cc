#include "tests/bench/columns.h"

#include <algorithm>

#include "server/tracker/check.h"

namespace conntrack::bench {
namespace {

constexpr uint32_t kIpv4HeaderWords = 5;
constexpr uint32_t kTcpHeaderWords = 5;

void AppendIpv6(const Address& address, std::string* column) {
  for (const uint64_t half : {address.high, address.low}) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      column->push_back(static_cast<char>(half >> shift));
    }
  }
}

uint32_t ShapeOf(const Packet& packet) {
  const uint32_t network = packet.family == Family::kIpv4 ? kIpv4HeaderWords : 0;
  const uint32_t transport = packet.protocol == kProtocolTcp ? kTcpHeaderWords : 0;
  return packet.window | network << 16 | transport << 20 | uint32_t{packet.flags} << 24;
}

}  // namespace

v1::PacketBatch ToColumns(std::span<const Packet> packets) {
  CT_CHECK(!packets.empty());
  const auto before = [](const Packet& a, const Packet& b) { return a.time < b.time; };
  const Time base = std::min_element(packets.begin(), packets.end(), before)->time;
  const bool ipv4 = packets[0].family == Family::kIpv4;
  v1::PacketBatch batch;
  batch.set_layout(ipv4 ? v1::PACKET_LAYOUT_IPV4 : v1::PACKET_LAYOUT_IPV6);
  batch.set_base_time_unix_ns(static_cast<uint64_t>(base.time_since_epoch().count()));
  for (const Packet& packet : packets) {
    if (ipv4) {
      batch.add_source(static_cast<uint32_t>(packet.source.low));
      batch.add_destination(static_cast<uint32_t>(packet.destination.low));
    } else {
      AppendIpv6(packet.source, batch.mutable_source_ipv6());
      AppendIpv6(packet.destination, batch.mutable_destination_ipv6());
    }
    batch.add_ports(packet.ports);
    batch.add_time_delta_ns(static_cast<uint32_t>((packet.time - base).count()));
    batch.add_kind(packet.protocol | uint32_t{packet.tcp_flags} << 8 | packet.total_length << 16);
    batch.add_sequence(packet.sequence);
    batch.add_acknowledgment(packet.acknowledgment);
    batch.add_shape(ShapeOf(packet));
  }
  return batch;
}

}  // namespace conntrack::bench
