#include "client/sensor/network_layer.h"

#include <algorithm>

#include "client/sensor/checksum.h"

namespace conntrack::sensor {
namespace {

constexpr uint32_t kIpv4HeaderBytes = 20;
constexpr uint32_t kIpv6HeaderBytes = 40;

NetworkPayload NoPacket(Discard reason) { return {reason, false, {}, 0, {}}; }

// A packet of which nothing but the IP header can be used.
NetworkPayload MalformedHeader(Packet& packet) {
  MarkMalformed(Malformed::kNetworkHeader, packet);
  return {Discard::kNone, false, {}, 0, {}};
}

NetworkPayload ParseIpv4(Bytes captured, uint32_t original_length, Checksums checksums,
                         Packet& packet) {
  if (original_length < kIpv4HeaderBytes) return NoPacket(Discard::kIpHeader);
  if (captured.size() < kIpv4HeaderBytes) return NoPacket(Discard::kCaptureTruncated);
  if (captured[0] >> 4 != 4) return NoPacket(Discard::kIpVersion);
  const uint32_t header_length = (captured[0] & 0x0f) * 4u;
  if (header_length < kIpv4HeaderBytes) return NoPacket(Discard::kIpv4HeaderLength);
  // A zero that does not hold was left to the sender's network card.
  if (checksums == Checksums::kVerify && captured.size() >= header_length &&
      Load16(captured, 10) != 0 && !ChecksumHolds(SumWords(captured.first(header_length)))) {
    return NoPacket(Discard::kIpv4Checksum);
  }
  uint32_t total_length = Load16(captured, 2);
  // A card that cuts segments writes the length; the frame has the one before.
  if (total_length == 0) total_length = original_length;
  if (total_length > original_length) return NoPacket(Discard::kIpv4TotalLength);

  packet.ipv6 = false;
  packet.protocol = captured[9];
  packet.total_length = total_length;
  packet.network_header_length = header_length;
  if (captured[8] == 255) packet.flags |= kHopLimit255;
  std::memcpy(packet.source.data(), captured.data() + 12, 4);
  std::memcpy(packet.destination.data(), captured.data() + 16, 4);
  if (header_length > total_length) return MalformedHeader(packet);
  if (captured.size() < header_length) return NoPacket(Discard::kCaptureTruncated);

  // What lies behind the total length pads the frame.
  const Bytes payload = SkipBytes(FirstBytes(captured, total_length), header_length);
  const uint32_t length = total_length - header_length;
  const uint16_t fragmentation = Load16(captured, 6);
  const uint32_t offset = (fragmentation & 0x1fffu) * 8;
  const bool more = (fragmentation & 0x2000) != 0;
  if (offset != 0 || more) {
    const Fragment fragment{Load16(captured, 4), offset, more, packet.protocol, payload, length};
    return {Discard::kNone, true, {}, 0, fragment};
  }
  return {Discard::kNone, false, payload, length, {}};
}

// The length of a jumbo payload (RFC 2675) in the hop-by-hop header at the
// start of `captured`; 0 when there is none.
uint32_t JumboLength(Bytes captured) {
  constexpr uint8_t kPad1 = 0;
  constexpr uint8_t kJumboPayload = 0xc2;
  if (captured.size() < 8) return 0;
  const Bytes options = SkipBytes(FirstBytes(captured, (captured[1] + 1u) * 8), 2);
  for (size_t at = 0; at + 1 < options.size();) {
    if (options[at] == kPad1) {
      ++at;
      continue;
    }
    const uint8_t option_length = options[at + 1];
    if (options[at] == kJumboPayload && option_length == 4 && at + 6 <= options.size()) {
      return Load32(options, at + 2);
    }
    at += 2u + option_length;
  }
  return 0;
}

// Whether the payload of a first fragment, behind the fragment header, has all
// headers up to that of the upper layer (RFC 8200 4.5), as far as they can be
// followed.
bool HoldsAllHeaders(uint8_t protocol, Bytes captured, uint32_t length) {
  const Ipv6Chain chain = FollowIpv6Chain(protocol, captured, length, Reassembly::kAfter);
  if (chain.end != Ipv6Chain::End::kUpperLayer) return true;
  uint32_t needed = 1;
  if (chain.protocol == kTcp) needed = 20;
  if (chain.protocol == kUdp || chain.protocol == kIcmpv6) needed = 8;
  return length - chain.length >= needed;
}

// Whether Linux takes a fragment as it is instead of putting its datagram
// together: it breaks the rules of fragments.
bool IsTakenAsItIs(const Ipv6Chain& chain, Bytes payload, uint32_t length) {
  const uint32_t fragment_length = length - chain.length;
  if (chain.fragment_more && fragment_length % 8 != 0) return true;
  return chain.fragment_offset == 0 &&
         !HoldsAllHeaders(chain.protocol, SkipBytes(payload, chain.length), fragment_length);
}

NetworkPayload ParseIpv6(Bytes captured, uint32_t original_length, Packet& packet) {
  if (original_length < kIpv6HeaderBytes) return NoPacket(Discard::kIpHeader);
  if (captured.size() < kIpv6HeaderBytes) return NoPacket(Discard::kCaptureTruncated);
  if (captured[0] >> 4 != 6) return NoPacket(Discard::kIpVersion);
  uint32_t length = Load16(captured, 4);
  const uint8_t next_header = captured[6];
  if (length == 0 && next_header == kHopByHop) length = JumboLength(captured.subspan(40));
  if (length > original_length - kIpv6HeaderBytes) return NoPacket(Discard::kIpv6PayloadLength);

  packet.ipv6 = true;
  packet.total_length = kIpv6HeaderBytes + length;
  packet.network_header_length = kIpv6HeaderBytes;
  if (captured[7] == 255) packet.flags |= kHopLimit255;
  std::memcpy(packet.source.data(), captured.data() + 8, 16);
  std::memcpy(packet.destination.data(), captured.data() + 24, 16);

  const Bytes payload = FirstBytes(captured.subspan(kIpv6HeaderBytes), length);
  Ipv6Chain chain = FollowIpv6Chain(next_header, payload, length, Reassembly::kBefore);
  if (chain.end == Ipv6Chain::End::kFragment && IsTakenAsItIs(chain, payload, length)) {
    chain = FollowIpv6Chain(next_header, payload, length, Reassembly::kAfter);
  }
  packet.protocol = chain.protocol;
  switch (chain.end) {
    case Ipv6Chain::End::kCaptureTruncated:
      return NoPacket(Discard::kCaptureTruncated);
    case Ipv6Chain::End::kMalformed:
      return MalformedHeader(packet);
    case Ipv6Chain::End::kLaterFragment:
      MarkMalformed(Malformed::kFragment, packet);
      return {Discard::kNone, false, {}, 0, {}};
    case Ipv6Chain::End::kFragment: {
      // The reassembled datagram has no fragment header any more.
      packet.network_header_length += chain.length - 8;
      const Fragment fragment{
          chain.fragment_id, chain.fragment_offset,         chain.fragment_more,
          chain.protocol,    payload.subspan(chain.length), length - chain.length};
      return {Discard::kNone, true, {}, 0, fragment};
    }
    case Ipv6Chain::End::kUpperLayer:
      break;
  }
  packet.network_header_length += chain.length;
  return {Discard::kNone, false, SkipBytes(payload, chain.length), length - chain.length, {}};
}

}  // namespace

Ipv6Chain FollowIpv6Chain(uint8_t protocol, Bytes captured, uint32_t length,
                          Reassembly reassembly) {
  using End = Ipv6Chain::End;
  uint32_t at = 0;
  for (;;) {
    const bool known = protocol == kHopByHop || protocol == kIpv6Routing ||
                       protocol == kIpv6Fragment || protocol == kDestinationOptions ||
                       protocol == kAuthentication;
    if (protocol == kIpv6NoNextHeader) return {End::kMalformed, protocol, at, 0, 0, false};
    if (!known) return {End::kUpperLayer, protocol, std::min(at, length), 0, 0, false};
    // Linux reads the start of a header and goes on behind it, also where the
    // packet ends before: then the upper layer has no bytes.
    const uint32_t needed = protocol == kIpv6Fragment ? 8 : 2;
    if (length < at + needed) return {End::kMalformed, protocol, at, 0, 0, false};
    if (captured.size() < at + needed) return {End::kCaptureTruncated, protocol, at, 0, 0, false};
    const uint8_t next = captured[at];
    uint32_t header_length = (captured[at + 1] + 1u) * 8;
    if (protocol == kAuthentication) header_length = (captured[at + 1] + 2u) * 4;
    if (protocol == kIpv6Fragment) {
      const uint16_t field = Load16(captured, at + 2);
      const uint32_t offset = field & 0xfff8u;
      const bool more = (field & 1) != 0;
      const bool before = reassembly == Reassembly::kBefore;
      if (offset != 0 || before) {
        return {before ? End::kFragment : End::kLaterFragment,
                next,
                at + 8,
                Load32(captured, at + 4),
                offset,
                more};
      }
      header_length = 8;
    }
    at += header_length;
    protocol = next;
  }
}

NetworkPayload ParseNetworkLayer(const LinkPayload& link, Checksums checksums, Packet& packet) {
  IpFamily family = link.family;
  if (family == IpFamily::kByVersion) {
    if (link.original_length == 0) return NoPacket(Discard::kIpHeader);
    if (link.captured.empty()) return NoPacket(Discard::kCaptureTruncated);
    const int version = link.captured[0] >> 4;
    if (version != 4 && version != 6) return NoPacket(Discard::kIpVersion);
    family = version == 4 ? IpFamily::kIpv4 : IpFamily::kIpv6;
  }
  return family == IpFamily::kIpv4
             ? ParseIpv4(link.captured, link.original_length, checksums, packet)
             : ParseIpv6(link.captured, link.original_length, packet);
}

}  // namespace conntrack::sensor
