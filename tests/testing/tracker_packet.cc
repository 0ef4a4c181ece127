#include "tests/testing/tracker_packet.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "server/tracker/tuple.h"
#include "tests/testing/packet_bytes.h"

namespace conntrack {
namespace {

constexpr uint16_t kPpp = 0x880B;

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

void ReadUdplite(const PacketSpec& spec, size_t available, Packet* packet) {
  if (available < 8) return Reject(InvalidReason::kTransportTruncated, packet);
  const size_t coverage = spec.udp_length.value_or(0);
  const bool fits = coverage == 0 || (coverage >= 8 && coverage <= available);
  if (!fits || spec.no_checksum) Reject(InvalidReason::kUdpliteCoverage, packet);
}

void ReadSctp(const PacketSpec& spec, std::span<const uint8_t> bytes,
              std::vector<SctpChunk>* chunks, Packet* packet) {
  if (bytes.size() < 12) return Reject(InvalidReason::kTransportTruncated, packet);
  packet->sequence = spec.sequence;
  bytes = bytes.subspan(12);
  while (bytes.size() >= 4) {
    const size_t length = size_t{bytes[2]} << 8 | bytes[3];
    if (length == 0) return Reject(InvalidReason::kSctpChunks, packet);
    const bool init = bytes[0] == sctp_chunk::kInit || bytes[0] == sctp_chunk::kInitAck;
    if (init && bytes.size() < 20) return Reject(InvalidReason::kSctpChunks, packet);
    if (init) packet->acknowledgment = spec.acknowledgment;
    chunks->push_back({bytes[0], bytes[1]});
    bytes = bytes.subspan(std::min(bytes.size(), (length + 3) / 4 * 4));
  }
  if (chunks->empty()) return Reject(InvalidReason::kSctpChunks, packet);
  packet->sctp_chunks = chunks->data();
  packet->sctp_chunk_count = static_cast<uint16_t>(chunks->size());
}

void ReadGre(const PacketSpec& spec, size_t available, Packet* packet) {
  if (spec.gre.version != 1 || available < 8) return;
  if (spec.gre.protocol.value_or(kPpp) != kPpp) Reject(InvalidReason::kGreVersion, packet);
}

void ReadQuote(const PacketSpec& spec, const Endpoints& endpoints, Quote* quote, Packet* packet) {
  const QuoteSpec& quoted = *spec.quote;
  const bool icmp = IsIcmpOf(endpoints.family, quoted.protocol);
  const size_t needed = icmp ? 8 : HasPorts(quoted.protocol) ? 4 : 0;
  if (quoted.fragment || quoted.transport_bytes < needed) {
    return Reject(InvalidReason::kIcmpErrorQuote, packet);
  }
  quote->source = endpoints.address[static_cast<size_t>(quoted.source)];
  quote->destination = endpoints.address[static_cast<size_t>(quoted.destination)];
  quote->protocol = quoted.protocol;
  quote->ports = PortsWordOf(endpoints, quoted);
  const bool enhanced_gre = quoted.protocol == kProtocolGre && quoted.gre.version == 1;
  if (enhanced_gre && quoted.transport_bytes >= 8 && quoted.gre.protocol.value_or(kPpp) != kPpp) {
    return Reject(InvalidReason::kIcmpErrorQuote, packet);
  }
  packet->quote = quote;
}

}  // namespace

Packet TrackerPacketOf(const PacketSpec& spec, const Endpoints& endpoints, Time time,
                       PacketParts* parts) {
  Packet packet;
  packet.time = time;
  packet.family = endpoints.family;
  packet.source = endpoints.address[static_cast<size_t>(spec.source)];
  packet.destination = endpoints.address[static_cast<size_t>(spec.destination)];
  packet.protocol = spec.protocol;
  packet.ports = PortsWordOf(endpoints, spec);
  const std::vector<uint8_t> bytes = BuildPacket(spec, endpoints, 0);
  packet.total_length = static_cast<uint32_t>(bytes.size());
  if (spec.hop_limit == 255) packet.flags |= packet_flag::kHopLimit255;
  if (spec.bad_checksum && !spec.no_checksum) packet.flags |= packet_flag::kChecksumBad;
  const size_t network_header =
      (endpoints.family == Family::kIpv4 ? 20 : 40) + size_t{spec.extension_units} * 8;
  const size_t available = packet.total_length - network_header;
  if (spec.protocol == kProtocolTcp) {
    ReadTcp(spec, available, &packet);
  } else if (spec.protocol == kProtocolUdp) {
    ReadUdp(spec, available, &packet);
  } else if (spec.protocol == kProtocolUdplite) {
    ReadUdplite(spec, available, &packet);
  } else if (spec.protocol == kProtocolSctp) {
    ReadSctp(spec, std::span(bytes).subspan(network_header), &parts->chunks, &packet);
  } else if (spec.protocol == kProtocolGre) {
    ReadGre(spec, available, &packet);
  } else if (IsIcmpOf(endpoints.family, spec.protocol)) {
    if (available < 8) {
      Reject(InvalidReason::kTransportTruncated, &packet);
    } else if (spec.quote.has_value()) {
      ReadQuote(spec, endpoints, &parts->quote, &packet);
    }
  }
  return packet;
}

}  // namespace conntrack
