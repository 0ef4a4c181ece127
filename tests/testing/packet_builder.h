// PacketSpec describes a packet by what a test cares about: who sends to whom,
// and the fields trackers read. BuildPacket makes the bytes that a kernel or a
// sensor sees of it; tracker_packet.h makes what the tracker is told.
//
// Ends are roles, and Endpoints give them addresses, so that the same packets
// can be sent again as another connection.
//
// Plain data and pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/tracker/packet.h"

namespace conntrack {

enum class Role : uint8_t { kClient, kServer, kRouter, kOther };
inline constexpr size_t kRoles = 4;

// Addresses and ports of one conversation.
struct Endpoints {
  Family family = Family::kIpv4;
  // By Role.
  std::array<Address, kRoles> address = {};
  // The client's first port or ICMP id, and the port of everyone else.
  uint16_t client_port = 0;
  uint16_t server_port = 0;
};

// Well-known ones of documentation: 192.0.2.1:40000 and 198.51.100.1:443.
Endpoints DefaultEndpoints(Family family);

// One chunk of an SCTP packet.
struct ChunkSpec {
  uint8_t type = 0;
  uint8_t flags = 0;
  // What its header says of its length, when it is not the truth.
  std::optional<uint16_t> length;

  friend bool operator==(const ChunkSpec&, const ChunkSpec&) = default;
};

// What the header of GRE says.
struct GreSpec {
  uint8_t version = 0;
  // Of what is inside. The builder's own: IPv4 in version 0, PPP in version 1.
  std::optional<uint16_t> protocol;
  // Version 1 only.
  uint16_t call_id = 0;

  friend bool operator==(const GreSpec&, const GreSpec&) = default;
};

// A packet that an ICMP error quotes.
struct QuoteSpec {
  Role source = Role::kClient;
  Role destination = Role::kServer;
  uint8_t protocol = kProtocolTcp;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  GreSpec gre = {};
  // Added to the client's port or id.
  uint16_t connection = 0;
  // How much of the quoted transport header is there.
  uint8_t transport_bytes = 8;
  // The quoted packet is a fragment other than the first.
  bool fragment = false;

  friend bool operator==(const QuoteSpec&, const QuoteSpec&) = default;
};

struct PacketSpec {
  // After the first packet of the conversation.
  Duration time{0};
  Role source = Role::kClient;
  Role destination = Role::kServer;
  uint8_t protocol = kProtocolTcp;
  uint8_t hop_limit = 64;
  // Added to the client's port or id: tells connections of the same ends apart.
  uint16_t connection = 0;
  uint16_t payload_length = 0;

  uint8_t tcp_flags = 0;
  // SCTP: the verification tag.
  uint32_t sequence = 0;
  // SCTP: the initiate tag of INIT and INIT ACK chunks.
  uint32_t acknowledgment = 0;
  uint16_t window = 0;
  // As in the header; padded with END to a multiple of 4. At most 40 bytes.
  std::vector<uint8_t> tcp_options;

  std::vector<ChunkSpec> chunks;
  GreSpec gre;

  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  std::optional<QuoteSpec> quote;

  // Units of 8 bytes that the IP header is longer: a destination options header
  // in IPv6, options that do nothing in IPv4 (at most 5).
  uint8_t extension_units = 0;

  // What may be wrong with it.
  bool bad_checksum = false;
  // UDP: a checksum of 0, which means none.
  bool no_checksum = false;
  // Only so many bytes follow the IP header.
  std::optional<uint16_t> transport_bytes;
  // Instead of the true ones.
  std::optional<uint8_t> data_offset;
  // UDP-Lite: the checksum coverage, 0 unless it stands here.
  std::optional<uint16_t> udp_length;

  friend bool operator==(const PacketSpec&, const PacketSpec&) = default;
};

// Port of `role` in a packet of this connection.
uint16_t PortOf(const Endpoints& endpoints, Role role, uint16_t connection);
// As Packet::ports and Quote::ports.
uint32_t PortsWordOf(const Endpoints& endpoints, const PacketSpec& spec);
uint32_t PortsWordOf(const Endpoints& endpoints, const QuoteSpec& quote);
// The packet from its IP header on, checksums right unless the spec says
// otherwise. `tag` stands in the IPv4 identification or the IPv6 flow label, so
// that the packet can be recognised where it comes out.
std::vector<uint8_t> BuildPacket(const PacketSpec& spec, const Endpoints& endpoints, uint16_t tag);

// The options area of the TCP header that BuildPacket makes, padding included.
std::vector<uint8_t> PaddedOptions(const PacketSpec& spec);

// Options for PacketSpec::tcp_options.
void AppendWindowScale(uint8_t shift, std::vector<uint8_t>* options);
void AppendSackPermitted(std::vector<uint8_t>* options);
void AppendTimestamps(uint32_t value, std::vector<uint8_t>* options);
struct SackBlock {
  uint32_t left;
  uint32_t right;
};
void AppendSack(std::span<const SackBlock> blocks, std::vector<uint8_t>* options);

}  // namespace conntrack
