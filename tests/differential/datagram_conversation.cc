// UDP, UDP-Lite, GRE, ICMP and ICMPv6, and the protocols that have no tracking of their own:
// both ways, several connections between the same ends, and the headers that
// are wrong.
#include <algorithm>
#include <array>

#include "server/tracker/tuple.h"
#include "tests/differential/conversation.h"

namespace conntrack {
namespace {

constexpr uint8_t kRedirectV6 = 137;

void TurnAround(PacketSpec* spec) { std::swap(spec->source, spec->destination); }

void AddExtension(PacketSpec* spec, Random* random) {
  if (random->Percent(5)) {
    spec->extension_units = static_cast<uint8_t>(1 + random->Below(3));
  }
}

// Ends within its header, or soon behind it, in so many cases of a hundred.
void CutShort(uint32_t percent, PacketSpec* spec, Random* random) {
  if (!random->Percent(percent)) return;
  spec->payload_length = 0;
  spec->transport_bytes = static_cast<uint16_t>(random->Below(9));
}

// From the client, of one of two connections.
PacketSpec MakeDatagram(uint8_t protocol, Random* random) {
  PacketSpec spec;
  spec.protocol = protocol;
  spec.connection = static_cast<uint16_t>(random->Percent(90) ? 0 : 1);
  spec.payload_length = random->Pick<uint16_t>({0, 1, 12, 500, 1300});
  return spec;
}

uint8_t IcmpOf(Family family) { return family == Family::kIpv4 ? kProtocolIcmp : kProtocolIcmpv6; }

uint8_t QueryType(Family family, Random* random) {
  if (family == Family::kIpv6) return random->Pick<uint8_t>({128, 128, 139});
  return random->Pick<uint8_t>({8, 8, 8, 13, 15, 17});
}

uint8_t AnswerType(Family family, uint8_t query) {
  if (family == Family::kIpv6) return static_cast<uint8_t>(query + 1);
  return query == 8 ? uint8_t{0} : static_cast<uint8_t>(query + 1);
}

// Types that must start and answer nothing; those that announce an error here
// quote nothing that could be read.
PacketSpec MakeOddIcmp(Family family, Random* random) {
  PacketSpec spec;
  spec.protocol = IcmpOf(family);
  spec.icmp_type = static_cast<uint8_t>(random->Below(256));
  spec.icmp_code = random->Pick<uint8_t>({0, 0, 1, 5, 255});
  if (family == Family::kIpv6 && random->Percent(50)) {
    spec.icmp_type = random->Pick<uint8_t>(
        {130, 131, 132, 133, 134, 135, 136, 137, 141, 142, 143, 144, 147, 151, 152, 153});
    spec.hop_limit = random->Pick<uint8_t>({64, 255});
  }
  spec.payload_length = random->Pick<uint16_t>({0, 4, 20, 56});
  if (random->Percent(50)) TurnAround(&spec);
  return spec;
}

PacketSpec MakeQuery(Family family, Random* random, PacketSpec* last) {
  PacketSpec spec;
  spec.protocol = IcmpOf(family);
  if (last->protocol == spec.protocol && random->Percent(60)) {
    // Once more, or the answer to it.
    spec = *last;
    if (random->Percent(60)) {
      TurnAround(&spec);
      spec.icmp_type = AnswerType(family, spec.icmp_type);
      if (random->Percent(5)) ++spec.icmp_code;
      if (random->Percent(5)) ++spec.connection;
      return spec;
    }
  } else {
    spec.icmp_type = QueryType(family, random);
    spec.icmp_code = random->Pick<uint8_t>({0, 0, 0, 0, 5});
    spec.connection = static_cast<uint16_t>(random->Below(2));
    if (random->Percent(35)) TurnAround(&spec);
    *last = spec;
  }
  spec.payload_length = random->Pick<uint16_t>({0, 1, 56, 1000});
  if (random->Percent(4)) spec.bad_checksum = true;
  CutShort(3, &spec, random);
  return spec;
}

}  // namespace

PacketSpec MakeIcmpError(Family family, uint8_t protocol, Random* random) {
  PacketSpec spec;
  spec.protocol = IcmpOf(family);
  spec.icmp_type = family == Family::kIpv4
                       ? random->Pick<uint8_t>({3, 3, 3, 4, 5, 11, 12})
                       : random->Pick<uint8_t>({1, 1, 2, 3, 4, kRedirectV6, 100, 127});
  spec.icmp_code = random->Pick<uint8_t>({0, 1, 3, 4});
  if (random->Percent(20)) spec.hop_limit = 255;
  QuoteSpec quote;
  quote.protocol = protocol;
  quote.source = random->Percent(60) ? Role::kClient : Role::kServer;
  quote.destination = quote.source == Role::kClient ? Role::kServer : Role::kClient;
  quote.connection = static_cast<uint16_t>(random->Percent(85) ? 0 : 1);
  if (IsIcmpOf(family, protocol)) {
    quote.icmp_type = QueryType(family, random);
    if (random->Percent(30)) quote.icmp_type = AnswerType(family, quote.icmp_type);
    if (random->Percent(5)) quote.icmp_type = static_cast<uint8_t>(random->Below(256));
    quote.icmp_code = random->Pick<uint8_t>({0, 0, 0, 5});
  }
  if (random->Percent(3)) quote.destination = Role::kOther;
  if (random->Percent(12)) {
    quote.transport_bytes = random->Pick<uint8_t>({0, 1, 2, 3, 4, 5, 6, 7, 20});
  }
  if (random->Percent(3)) quote.fragment = true;
  spec.quote = quote;
  spec.source = random->Pick({Role::kRouter, Role::kRouter, quote.destination, Role::kOther});
  spec.destination =
      random->Percent(80) ? quote.source : random->Pick({quote.destination, Role::kOther});
  if (spec.destination == spec.source) spec.source = Role::kRouter;
  if (random->Percent(3)) spec.bad_checksum = true;
  return spec;
}

std::vector<PacketSpec> MakeUdpPackets(Family family, Random* random) {
  std::vector<PacketSpec> packets;
  const size_t length = 1 + random->Below(14);
  // Most conversations have an answer; some never.
  const uint32_t replies = random->Pick<uint32_t>({0, 20, 50, 50, 80});
  while (packets.size() < length) {
    if (random->Percent(10)) {
      packets.push_back(MakeIcmpError(family, kProtocolUdp, random));
      continue;
    }
    PacketSpec spec = MakeDatagram(kProtocolUdp, random);
    if (!packets.empty() && random->Percent(replies)) TurnAround(&spec);
    if (random->Percent(4)) spec.bad_checksum = true;
    if (random->Percent(4)) spec.no_checksum = true;
    if (random->Percent(5)) {
      spec.udp_length = static_cast<uint16_t>(
          random->Pick({0, 7, 8, 9, 8 + spec.payload_length - 1, 8 + spec.payload_length + 1}));
    }
    CutShort(2, &spec, random);
    AddExtension(&spec, random);
    packets.push_back(spec);
  }
  return packets;
}

std::vector<PacketSpec> MakeUdplitePackets(Family family, Random* random) {
  std::vector<PacketSpec> packets;
  const size_t length = 1 + random->Below(12);
  const uint32_t replies = random->Pick<uint32_t>({0, 20, 50, 80});
  while (packets.size() < length) {
    if (random->Percent(10)) {
      packets.push_back(MakeIcmpError(family, kProtocolUdplite, random));
      continue;
    }
    PacketSpec spec = MakeDatagram(kProtocolUdplite, random);
    if (!packets.empty() && random->Percent(replies)) TurnAround(&spec);
    if (random->Percent(20)) {
      // The coverage.
      spec.udp_length = static_cast<uint16_t>(
          random->Pick({0, 1, 7, 8, 9, 8 + spec.payload_length - 1, 8 + spec.payload_length,
                        8 + spec.payload_length + 1}));
    }
    CutShort(3, &spec, random);
    AddExtension(&spec, random);
    packets.push_back(spec);
  }
  return packets;
}

std::vector<PacketSpec> MakeGrePackets(Family family, Random* random) {
  std::vector<PacketSpec> packets;
  const size_t length = 1 + random->Below(12);
  const uint32_t replies = random->Pick<uint32_t>({0, 20, 50, 80});
  const uint8_t usual_version = random->Pick<uint8_t>({0, 0, 1, 1, 1});
  while (packets.size() < length) {
    GreSpec gre;
    gre.version = usual_version;
    if (random->Percent(10)) gre.version = static_cast<uint8_t>(random->Below(8));
    gre.call_id = random->Pick<uint16_t>({0, 0, 7, 7, 8, 65'535});
    if (gre.version != 1) gre.call_id = 0;
    if (random->Percent(10)) gre.protocol = random->Pick<uint16_t>({0x0800, 0x6558, 0x880B, 0});
    if (random->Percent(12)) {
      packets.push_back(MakeIcmpError(family, kProtocolGre, random));
      packets.back().quote->gre = gre;
      continue;
    }
    PacketSpec spec;
    spec.protocol = kProtocolGre;
    spec.gre = gre;
    spec.payload_length = random->Pick<uint16_t>({0, 4, 12, 500, 1300});
    if (!packets.empty() && random->Percent(replies)) TurnAround(&spec);
    CutShort(5, &spec, random);
    AddExtension(&spec, random);
    packets.push_back(spec);
  }
  return packets;
}

std::vector<PacketSpec> MakeIcmpPackets(Family family, Random* random) {
  std::vector<PacketSpec> packets;
  const size_t length = 1 + random->Below(14);
  PacketSpec last;
  while (packets.size() < length) {
    if (random->Percent(20)) {
      packets.push_back(MakeIcmpError(family, IcmpOf(family), random));
    } else if (random->Percent(12)) {
      packets.push_back(MakeOddIcmp(family, random));
    } else {
      packets.push_back(MakeQuery(family, random, &last));
    }
    AddExtension(&packets.back(), random);
  }
  return packets;
}

std::vector<PacketSpec> MakeGenericPackets(Family family, Random* random) {
  std::vector<PacketSpec> packets;
  // No extension headers of IPv6 (0, 43, 44, 51, 59, 60, 135), and none that
  // has tracking of its own.
  const uint8_t protocol = random->Pick<uint8_t>(
      {2, 4, 33, 41, 50, 89, 103, 112, 253, 255,
       static_cast<uint8_t>(family == Family::kIpv4 ? 51 : 115),
       static_cast<uint8_t>(family == Family::kIpv4 ? kProtocolIcmpv6 : kProtocolIcmp)});
  const size_t length = 1 + random->Below(10);
  while (packets.size() < length) {
    if (random->Percent(10)) {
      packets.push_back(MakeIcmpError(family, protocol, random));
      continue;
    }
    PacketSpec spec;
    spec.protocol = protocol;
    spec.payload_length = random->Pick<uint16_t>({0, 3, 4, 8, 20, 1000});
    if (protocol == kProtocolIcmp || protocol == kProtocolIcmpv6) {
      spec.icmp_type = random->Pick<uint8_t>({0, 1, 3, 8, 128, 129, 135, 200});
    }
    if (!packets.empty() && random->Percent(40)) TurnAround(&spec);
    AddExtension(&spec, random);
    packets.push_back(spec);
  }
  return packets;
}

std::vector<PacketSpec> MakePackets(Traffic traffic, Family family, Random* random) {
  switch (traffic) {
    case Traffic::kTcp:
      return MakeTcpPackets(family, random);
    case Traffic::kUdp:
      return MakeUdpPackets(family, random);
    case Traffic::kUdplite:
      return MakeUdplitePackets(family, random);
    case Traffic::kIcmp:
      return MakeIcmpPackets(family, random);
    case Traffic::kSctp:
      return MakeSctpPackets(family, random);
    case Traffic::kGre:
      return MakeGrePackets(family, random);
    default:
      return MakeGenericPackets(family, random);
  }
}

const char* NameOf(Traffic traffic) {
  static constexpr std::array<const char*, kTraffics> kNames = {"tcp",  "udp", "udplite", "icmp",
                                                                "sctp", "gre", "generic"};
  return kNames[static_cast<size_t>(traffic)];
}

void AddPauses(uint32_t phases, std::vector<PacketSpec>* packets, Random* random) {
  std::vector<uint32_t> phase(packets->size());
  for (uint32_t& value : phase) value = random->Below(phases);
  std::sort(phase.begin(), phase.end());
  for (size_t i = 0; i < phase.size(); ++i) (*packets)[i].time = kPhase * phase[i];
}

}  // namespace conntrack
