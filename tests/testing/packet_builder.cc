#include "tests/testing/packet_builder.h"

#include <algorithm>

#include "server/tracker/check.h"
#include "server/tracker/tuple.h"
#include "tests/testing/packet_bytes.h"

namespace conntrack {
namespace {

constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kIpv4Nop = 1;

void Put8(uint32_t value, std::vector<uint8_t>* bytes) {
  bytes->push_back(static_cast<uint8_t>(value));
}
void Put16(uint32_t value, std::vector<uint8_t>* bytes) {
  Put8(value >> 8, bytes);
  Put8(value, bytes);
}
void Put32(uint32_t value, std::vector<uint8_t>* bytes) {
  Put16(value >> 16, bytes);
  Put16(value, bytes);
}
void PutAddress(Family family, const Address& address, std::vector<uint8_t>* bytes) {
  if (family == Family::kIpv6) {
    Put32(static_cast<uint32_t>(address.high >> 32), bytes);
    Put32(static_cast<uint32_t>(address.high), bytes);
    Put32(static_cast<uint32_t>(address.low >> 32), bytes);
  }
  Put32(static_cast<uint32_t>(address.low), bytes);
}
void Set16(size_t offset, uint16_t value, std::vector<uint8_t>* bytes) {
  if (bytes->size() < offset + 2) return;
  (*bytes)[offset] = static_cast<uint8_t>(value >> 8);
  (*bytes)[offset + 1] = static_cast<uint8_t>(value);
}

// RFC 1071, in network byte order, not yet complemented.
uint64_t Sum(std::span<const uint8_t> bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? uint64_t{bytes[i]} << 8 : uint64_t{bytes[i]};
  }
  return sum;
}
uint16_t Checksum(uint64_t sum) {
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

struct IpHeader {
  Role source;
  Role destination;
  uint8_t protocol;
  uint8_t hop_limit;
  uint16_t tag = 0;
  // IPv4 only: not the first fragment, and bytes of options.
  bool fragment = false;
  size_t option_bytes = 0;
  // What follows.
  size_t payload_length;
};

void PutIpHeader(const Endpoints& endpoints, const IpHeader& header, std::vector<uint8_t>* bytes) {
  const Address& from = endpoints.address[static_cast<size_t>(header.source)];
  const Address& to = endpoints.address[static_cast<size_t>(header.destination)];
  if (endpoints.family == Family::kIpv6) {
    Put32(0x60000000u | header.tag, bytes);
    Put16(static_cast<uint32_t>(header.payload_length), bytes);
    Put8(header.protocol, bytes);
    Put8(header.hop_limit, bytes);
    PutAddress(Family::kIpv6, from, bytes);
    PutAddress(Family::kIpv6, to, bytes);
    return;
  }
  const size_t begin = bytes->size();
  Put16(static_cast<uint32_t>(0x4500 + (header.option_bytes / 4 << 8)), bytes);
  Put16(static_cast<uint32_t>(20 + header.option_bytes + header.payload_length), bytes);
  Put16(header.tag, bytes);
  Put16(header.fragment ? 0x0010 : 0x4000, bytes);
  Put8(header.hop_limit, bytes);
  Put8(header.protocol, bytes);
  Put16(0, bytes);
  PutAddress(Family::kIpv4, from, bytes);
  PutAddress(Family::kIpv4, to, bytes);
  bytes->resize(bytes->size() + header.option_bytes, kIpv4Nop);
  Set16(begin + 10, Checksum(Sum(std::span(*bytes).subspan(begin))), bytes);
}

void PutGre(const GreSpec& gre, std::vector<uint8_t>* bytes) {
  constexpr uint16_t kIpv4 = 0x0800;
  constexpr uint16_t kPpp = 0x880B;
  constexpr uint16_t kKeyPresent = 0x2000;
  const bool enhanced = gre.version == 1;
  Put16((enhanced ? kKeyPresent : 0u) | gre.version, bytes);
  Put16(gre.protocol.value_or(enhanced ? kPpp : kIpv4), bytes);
  if (!enhanced) return;
  Put16(0, bytes);
  Put16(gre.call_id, bytes);
}

std::vector<uint8_t> QuotedPacket(const Endpoints& endpoints, const QuoteSpec& quote) {
  std::vector<uint8_t> bytes;
  const bool ipv6 = endpoints.family == Family::kIpv6;
  const bool fragment_header = ipv6 && quote.fragment;
  const uint8_t protocol = fragment_header ? uint8_t{44} : quote.protocol;
  PutIpHeader(endpoints,
              {.source = quote.source,
               .destination = quote.destination,
               .protocol = protocol,
               .hop_limit = 60,
               .fragment = quote.fragment,
               .payload_length = 40u + (fragment_header ? 8u : 0u)},
              &bytes);
  if (fragment_header) {
    Put8(quote.protocol, &bytes);
    Put8(0, &bytes);
    Put16(0x0080, &bytes);
    Put32(1, &bytes);
  }
  std::vector<uint8_t> transport;
  const uint32_t ports = PortsWordOf(endpoints, quote);
  if (IsIcmpOf(endpoints.family, quote.protocol)) {
    Put8(IcmpType(ports), &transport);
    Put8(IcmpCode(ports), &transport);
    Put16(0, &transport);
    Put16(IcmpId(ports), &transport);
    Put16(1, &transport);
  } else if (quote.protocol == kProtocolGre) {
    PutGre(quote.gre, &transport);
  } else {
    Put32(ports, &transport);
    Put32(0, &transport);
  }
  transport.resize(quote.transport_bytes);
  bytes.insert(bytes.end(), transport.begin(), transport.end());
  return bytes;
}

void PutTcp(const PacketSpec& spec, uint32_t ports, std::vector<uint8_t>* bytes) {
  const std::vector<uint8_t> options = PaddedOptions(spec);
  const auto words = static_cast<uint8_t>(5 + options.size() / 4);
  Put32(ports, bytes);
  Put32(spec.sequence, bytes);
  Put32(spec.acknowledgment, bytes);
  Put8(uint32_t{spec.data_offset.value_or(words)} << 4, bytes);
  Put8(spec.tcp_flags, bytes);
  Put16(spec.window, bytes);
  Put32(0, bytes);
  bytes->insert(bytes->end(), options.begin(), options.end());
}

// Bytes of a chunk after its header: what must be there, no more.
size_t ChunkValueBytes(uint8_t type) {
  switch (type) {
    case sctp_chunk::kInit:
    case sctp_chunk::kInitAck:
      return 16;
    case sctp_chunk::kData:
      return 16;
    case sctp_chunk::kCookieEcho:
    case sctp_chunk::kShutdown:
      return 4;
    default:
      return 0;
  }
}

void PutSctp(const PacketSpec& spec, uint32_t ports, std::vector<uint8_t>* bytes) {
  Put32(ports, bytes);
  Put32(spec.sequence, bytes);
  Put32(0, bytes);
  for (const ChunkSpec& chunk : spec.chunks) {
    std::vector<uint8_t> value;
    if (chunk.type == sctp_chunk::kInit || chunk.type == sctp_chunk::kInitAck) {
      Put32(spec.acknowledgment, &value);
    }
    value.resize(ChunkValueBytes(chunk.type));
    Put8(chunk.type, bytes);
    Put8(chunk.flags, bytes);
    Put16(chunk.length.value_or(static_cast<uint16_t>(4 + value.size())), bytes);
    bytes->insert(bytes->end(), value.begin(), value.end());
  }
}

struct Transport {
  std::vector<uint8_t> bytes;
  // Where its checksum stands; 0 when it has none.
  size_t checksum = 0;
  // The checksum covers the addresses too.
  bool pseudo_header = true;
  // SCTP's own.
  bool crc32c = false;
};

Transport MakeTransport(const PacketSpec& spec, const Endpoints& endpoints) {
  Transport made;
  const uint32_t ports = PortsWordOf(endpoints, spec);
  if (IsIcmpOf(endpoints.family, spec.protocol)) {
    Put8(spec.icmp_type, &made.bytes);
    Put8(spec.icmp_code, &made.bytes);
    Put16(0, &made.bytes);
    Put16(spec.quote.has_value() ? 0 : IcmpId(ports), &made.bytes);
    Put16(1, &made.bytes);
    if (spec.quote.has_value()) {
      // A redirect of ICMPv6 names two addresses before it quotes.
      if (endpoints.family == Family::kIpv6 && spec.icmp_type == 137) {
        made.bytes.resize(made.bytes.size() + 32);
      }
      const std::vector<uint8_t> quoted = QuotedPacket(endpoints, *spec.quote);
      made.bytes.insert(made.bytes.end(), quoted.begin(), quoted.end());
    }
    made.checksum = 2;
    made.pseudo_header = endpoints.family == Family::kIpv6;
  } else if (spec.protocol == kProtocolTcp) {
    PutTcp(spec, ports, &made.bytes);
    made.checksum = 16;
  } else if (spec.protocol == kProtocolUdp) {
    Put32(ports, &made.bytes);
    Put16(spec.udp_length.value_or(static_cast<uint16_t>(8 + spec.payload_length)), &made.bytes);
    Put16(0, &made.bytes);
    made.checksum = 6;
  } else if (spec.protocol == kProtocolUdplite) {
    Put32(ports, &made.bytes);
    Put16(spec.udp_length.value_or(0), &made.bytes);
    Put16(0, &made.bytes);
    made.checksum = 6;
  } else if (spec.protocol == kProtocolSctp) {
    PutSctp(spec, ports, &made.bytes);
    made.checksum = 8;
    made.crc32c = true;
  } else if (spec.protocol == kProtocolGre) {
    PutGre(spec.gre, &made.bytes);
  } else if (spec.protocol == kProtocolIcmp || spec.protocol == kProtocolIcmpv6) {
    // The other family's.
    Put8(spec.icmp_type, &made.bytes);
    Put8(spec.icmp_code, &made.bytes);
    made.checksum = 2;
    made.bytes.resize(8);
  }
  made.bytes.resize(made.bytes.size() + spec.payload_length, 0x5A);
  if (spec.transport_bytes.has_value()) made.bytes.resize(*spec.transport_bytes);
  return made;
}

// CRC32c (RFC 9260 appendix A), a bit at a time.
uint32_t Crc32c(std::span<const uint8_t> bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

void SetCrc32c(const PacketSpec& spec, Transport* transport) {
  if (transport->bytes.size() < transport->checksum + 4) return;
  uint32_t crc = __builtin_bswap32(Crc32c(transport->bytes));
  if (spec.bad_checksum) crc ^= 0x12345678;
  // 0 is not wrong but left to the card.
  if (spec.bad_checksum && crc == 0) crc = 1;
  Set16(transport->checksum, crc >> 16, &transport->bytes);
  Set16(transport->checksum + 2, crc & 0xFFFF, &transport->bytes);
}

void SetChecksum(const PacketSpec& spec, const Endpoints& endpoints, Transport* transport) {
  if (transport->checksum == 0 || spec.no_checksum) return;
  if (transport->crc32c) return SetCrc32c(spec, transport);
  uint64_t pseudo_sum = 0;
  if (transport->pseudo_header) {
    std::vector<uint8_t> pseudo;
    PutAddress(endpoints.family, endpoints.address[static_cast<size_t>(spec.source)], &pseudo);
    PutAddress(endpoints.family, endpoints.address[static_cast<size_t>(spec.destination)], &pseudo);
    // The kernel counts what the IP header states, whatever UDP's own says.
    pseudo_sum = Sum(pseudo) + spec.protocol + transport->bytes.size();
  }
  std::span<const uint8_t> covered = transport->bytes;
  if (spec.protocol == kProtocolUdplite && spec.udp_length.value_or(0) != 0) {
    covered = covered.first(std::min<size_t>(covered.size(), *spec.udp_length));
  }
  uint16_t checksum = Checksum(pseudo_sum + Sum(covered));
  if (spec.bad_checksum) {
    const uint16_t bad = checksum ^ 0x1234;
    // The bare sum of the pseudo-header is not wrong but left to the card.
    const bool left_to_card =
        bad == static_cast<uint16_t>(~Checksum(pseudo_sum)) ||
        bad == static_cast<uint16_t>(~Checksum(pseudo_sum - transport->bytes.size()));
    checksum = left_to_card ? checksum ^ 0x4321 : bad;
  }
  const bool none_is_zero = spec.protocol == kProtocolUdp || spec.protocol == kProtocolUdplite;
  if (checksum == 0 && none_is_zero) checksum = 0xFFFF;
  Set16(transport->checksum, checksum, &transport->bytes);
}

}  // namespace

Endpoints DefaultEndpoints(Family family) {
  Endpoints made;
  made.family = family;
  made.client_port = 40'000;
  made.server_port = 443;
  if (family == Family::kIpv4) {
    made.address = {Ipv4Address(0xC0000201), Ipv4Address(0xC6336401), Ipv4Address(0xCB007101),
                    Ipv4Address(0xCB007102)};
  } else {
    constexpr uint64_t kDocumentation = 0x20010DB8'00000000;
    made.address = {Address{kDocumentation, 1}, Address{kDocumentation, 2},
                    Address{kDocumentation, 3}, Address{kDocumentation, 4}};
  }
  return made;
}

uint16_t PortOf(const Endpoints& endpoints, Role role, uint16_t connection) {
  return role == Role::kClient ? static_cast<uint16_t>(endpoints.client_port + connection)
                               : endpoints.server_port;
}

uint32_t PortsWordOf(const Endpoints& endpoints, const PacketSpec& spec) {
  if (IsIcmpOf(endpoints.family, spec.protocol)) {
    const uint16_t id = PortOf(endpoints, Role::kClient, spec.connection);
    return IcmpWord(spec.icmp_type, spec.icmp_code, spec.quote.has_value() ? uint16_t{0} : id);
  }
  if (spec.protocol == kProtocolGre) {
    // A header too short for a call id is taken for one of version 0.
    const bool named = spec.gre.version == 1 && spec.transport_bytes.value_or(8) >= 8;
    return named ? PortsWord(0, spec.gre.call_id) : 0;
  }
  if (!HasPorts(spec.protocol)) return 0;
  return PortsWord(PortOf(endpoints, spec.source, spec.connection),
                   PortOf(endpoints, spec.destination, spec.connection));
}

uint32_t PortsWordOf(const Endpoints& endpoints, const QuoteSpec& quote) {
  PacketSpec quoted;
  quoted.source = quote.source;
  quoted.destination = quote.destination;
  quoted.protocol = quote.protocol;
  quoted.connection = quote.connection;
  quoted.icmp_type = quote.icmp_type;
  quoted.icmp_code = quote.icmp_code;
  quoted.gre = quote.gre;
  quoted.transport_bytes = quote.transport_bytes;
  return PortsWordOf(endpoints, quoted);
}

std::vector<uint8_t> PaddedOptions(const PacketSpec& spec) {
  std::vector<uint8_t> options = spec.tcp_options;
  CT_CHECK(options.size() <= 40);
  options.resize((options.size() + 3) / 4 * 4);
  return options;
}

std::vector<uint8_t> BuildPacket(const PacketSpec& spec, const Endpoints& endpoints, uint16_t tag) {
  Transport transport = MakeTransport(spec, endpoints);
  SetChecksum(spec, endpoints, &transport);
  const size_t extension_bytes = size_t{spec.extension_units} * 8;
  std::vector<uint8_t> bytes;
  const bool extended = endpoints.family == Family::kIpv6 && extension_bytes > 0;
  PutIpHeader(endpoints,
              {.source = spec.source,
               .destination = spec.destination,
               .protocol = extended ? kDestinationOptions : spec.protocol,
               .hop_limit = spec.hop_limit,
               .tag = tag,
               .option_bytes = endpoints.family == Family::kIpv4 ? extension_bytes : 0,
               .payload_length = (extended ? extension_bytes : 0) + transport.bytes.size()},
              &bytes);
  if (extended) {
    Put8(spec.protocol, &bytes);
    Put8(uint32_t{spec.extension_units} - 1u, &bytes);
    // One padding option fills the rest.
    Put8(1, &bytes);
    Put8(static_cast<uint32_t>(extension_bytes - 4), &bytes);
    bytes.resize(bytes.size() + extension_bytes - 4);
  }
  bytes.insert(bytes.end(), transport.bytes.begin(), transport.bytes.end());
  return bytes;
}

void AppendWindowScale(uint8_t shift, std::vector<uint8_t>* options) {
  options->insert(options->end(), {kOptionWindowScale, 3, shift});
}

void AppendSackPermitted(std::vector<uint8_t>* options) {
  options->insert(options->end(), {kOptionSackPermitted, 2});
}

void AppendTimestamps(uint32_t value, std::vector<uint8_t>* options) {
  options->insert(options->end(), {kOptionNop, kOptionNop, kOptionTimestamps, 10});
  Put32(value, options);
  Put32(value, options);
}

void AppendSack(std::span<const SackBlock> blocks, std::vector<uint8_t>* options) {
  options->push_back(kOptionSack);
  options->push_back(static_cast<uint8_t>(2 + 8 * blocks.size()));
  for (const SackBlock& block : blocks) {
    Put32(block.left, options);
    Put32(block.right, options);
  }
}

}  // namespace conntrack
