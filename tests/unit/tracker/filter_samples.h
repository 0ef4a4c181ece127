// Connections that tests of filters ask about.
//
// Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "server/tracker/connection.h"
#include "server/tracker/filter.h"

namespace conntrack::testing {

inline constexpr Time kNow = TimeFromUnixNanos(1'700'000'000'000'000'000);

inline FilterOptions Options() {
  FilterOptions options;
  options.slot_count = 256;
  options.sensor_index = [](absl::string_view name) {
    return name == "edge-1" ? std::optional<uint16_t>(1) : std::nullopt;
  };
  return options;
}

// 10.0.0.1:40000 -> 192.0.2.7:443, established. `from_first` is how the key
// happens to lie and must not matter.
inline StoredConnection TcpConnectionIn(TcpState state, bool from_first = true) {
  StoredConnection stored = {};
  Record& record = stored.record;
  record.in_use = 1;
  record.protocol = kProtocolTcp;
  record.original_from_first = from_first ? 1 : 0;
  const uint32_t source = 0x0A00'0001;
  const uint32_t destination = 0xC000'0207;
  record.address = {from_first ? source : destination, from_first ? destination : source};
  record.ports = from_first ? PortsWord(40'000, 443) : PortsWord(443, 40'000);
  record.tcp.state = state;
  record.status = status_bit::kSeenReply | status_bit::kConfirmed;
  record.sensor = 1;
  record.timeout_ms = 30'000;
  record.deadline = kNow + std::chrono::seconds(20);
  record.counters = {Counters{3, 300}, Counters{2, 5'000}};
  stored.extra.id = 256 * 1'000 + 9;
  stored.extra.created = kNow - std::chrono::seconds(60);
  stored.extra.mark = 16;
  stored.extra.zone_id = 7;
  stored.labels.Set(3);
  stored.labels.Set(127);
  return stored;
}

inline StoredConnection UdpConnectionBetweenIpv6() {
  StoredConnection stored = TcpConnectionIn(TcpState::kNone);
  stored.record.protocol = kProtocolUdp;
  stored.record.udp = {};
  stored.record.ipv6 = 1;
  stored.addresses = {{0x2001'0DB8'0000'0000, 1}, {0x2001'0DB8'0000'0001, 2}};
  return stored;
}

inline StoredConnection GreTunnel() {
  StoredConnection stored = TcpConnectionIn(TcpState::kNone, /*from_first=*/false);
  stored.record.protocol = kProtocolGre;
  stored.record.ports = PortsWord(77, 0);
  return stored;
}

inline StoredConnection SctpAssociation() {
  StoredConnection stored = TcpConnectionIn(TcpState::kNone, /*from_first=*/false);
  stored.record.protocol = kProtocolSctp;
  stored.record.sctp = {};
  stored.record.sctp.tag = {0x1A2B'3C4D, 5};
  stored.record.sctp.state = SctpState::kEstablished;
  return stored;
}

inline StoredConnection Ping() {
  StoredConnection stored = TcpConnectionIn(TcpState::kNone);
  stored.record.protocol = kProtocolIcmp;
  stored.record.ports = IcmpWord(8, 0, 77);
  return stored;
}

}  // namespace conntrack::testing
