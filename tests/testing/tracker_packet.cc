#include "tests/testing/tracker_packet.h"

#include <cstdint>
#include <span>
#include <vector>

namespace conntrack {
namespace {

constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNop = 1;
constexpr uint8_t kOptionWindowScale = 3;
constexpr uint8_t kOptionSackPermitted = 4;
constexpr uint8_t kOptionSack = 5;

uint32_t Read32(std::span<const uint8_t> bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

// Calls visit(kind, value) for each option up to END or the first malformed
// one; visit returns false to stop.
template <typename Visit>
void ForEachOption(std::span<const uint8_t> options, Visit visit) {
  while (!options.empty()) {
    const uint8_t kind = options[0];
    if (kind == kOptionEnd) return;
    if (kind == kOptionNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return;
    const uint8_t length = options[1];
    if (length < 2 || length > options.size()) return;
    if (!visit(kind, options.subspan(2, length - 2u))) return;
    options = options.subspan(length);
  }
}

void ReadOptions(std::span<const uint8_t> options, Packet* packet) {
  if (options.empty()) return;
  packet->flags |= packet_flag::kHasOptions;
  ForEachOption(options, [&](uint8_t kind, std::span<const uint8_t> value) {
    if (kind == kOptionWindowScale && value.size() == 1) {
      packet->tcp_options |= tcp_option::kWindowScale;
      packet->window_scale = value[0];
    } else if (kind == kOptionSackPermitted && value.empty()) {
      packet->tcp_options |= tcp_option::kSackPermitted;
    }
    return true;
  });
  ForEachOption(options, [&](uint8_t kind, std::span<const uint8_t> value) {
    if (kind != kOptionSack || value.size() < 8 || value.size() % 8 != 0) return true;
    for (size_t i = 0; i < value.size(); i += 8) {
      const uint32_t right = Read32(value.subspan(i + 4, 4));
      const bool has_edge = (packet->tcp_options & tcp_option::kSackEdge) != 0;
      const uint32_t highest = has_edge ? packet->sack_edge : packet->acknowledgment;
      if (static_cast<int32_t>(right - highest) <= 0) continue;
      packet->tcp_options |= tcp_option::kSackEdge;
      packet->sack_edge = right;
    }
    return false;
  });
}

void Reject(InvalidReason reason, Packet* packet) {
  packet->flags |= packet_flag::kMalformed;
  packet->malformed = reason;
}

void ReadTcp(const PacketSpec& spec, size_t available, Packet* packet) {
  const std::vector<uint8_t> options = PaddedOptions(spec);
  const size_t header =
      size_t{spec.data_offset.value_or(static_cast<uint8_t>(5 + options.size() / 4))} * 4;
  if (available < 20) return Reject(InvalidReason::kTransportTruncated, packet);
  if (header < 20 || header > available) return Reject(InvalidReason::kTcpHeaderLength, packet);
  packet->payload_length = static_cast<uint32_t>(available - header);
  packet->sequence = spec.sequence;
  packet->acknowledgment = spec.acknowledgment;
  packet->window = spec.window;
  packet->tcp_flags = spec.tcp_flags;
  // Payload that a wrong offset makes part of the header counts as options.
  std::vector<uint8_t> area = options;
  area.resize(header - 20, 0x5A);
  ReadOptions(area, packet);
}

void ReadUdp(const PacketSpec& spec, size_t available, Packet* packet) {
  if (available < 8) return Reject(InvalidReason::kTransportTruncated, packet);
  const size_t length = spec.udp_length.value_or(static_cast<uint16_t>(8 + spec.payload_length));
  if (length < 8 || length > available) Reject(InvalidReason::kUdpLength, packet);
}

void ReadQuote(const PacketSpec& spec, const Endpoints& endpoints, Quote* quote, Packet* packet) {
  const QuoteSpec& quoted = *spec.quote;
  const bool icmp = IsIcmpOf(endpoints.family, quoted.protocol);
  const bool ports = quoted.protocol == kProtocolTcp || quoted.protocol == kProtocolUdp;
  const size_t needed = icmp ? 8 : ports ? 4 : 0;
  if (quoted.fragment || quoted.transport_bytes < needed) {
    return Reject(InvalidReason::kIcmpErrorQuote, packet);
  }
  quote->source = endpoints.address[static_cast<size_t>(quoted.source)];
  quote->destination = endpoints.address[static_cast<size_t>(quoted.destination)];
  quote->protocol = quoted.protocol;
  quote->ports = PortsWordOf(endpoints, quoted);
  packet->quote = quote;
}

}  // namespace

Packet TrackerPacketOf(const PacketSpec& spec, const Endpoints& endpoints, Time time,
                       Quote* quote) {
  Packet packet;
  packet.time = time;
  packet.family = endpoints.family;
  packet.source = endpoints.address[static_cast<size_t>(spec.source)];
  packet.destination = endpoints.address[static_cast<size_t>(spec.destination)];
  packet.protocol = spec.protocol;
  packet.ports = PortsWordOf(endpoints, spec);
  packet.total_length = static_cast<uint32_t>(BuildPacket(spec, endpoints, 0).size());
  if (spec.hop_limit == 255) packet.flags |= packet_flag::kHopLimit255;
  if (spec.bad_checksum && !spec.no_checksum) packet.flags |= packet_flag::kChecksumBad;
  const size_t network_header =
      endpoints.family == Family::kIpv4 ? 20 : 40 + size_t{spec.extension_units} * 8;
  const size_t available = packet.total_length - network_header;
  if (spec.protocol == kProtocolTcp) {
    ReadTcp(spec, available, &packet);
  } else if (spec.protocol == kProtocolUdp) {
    ReadUdp(spec, available, &packet);
  } else if (IsIcmpOf(endpoints.family, spec.protocol)) {
    if (available < 8) {
      Reject(InvalidReason::kTransportTruncated, &packet);
    } else if (spec.quote.has_value()) {
      ReadQuote(spec, endpoints, quote, &packet);
    }
  }
  return packet;
}

}  // namespace conntrack
