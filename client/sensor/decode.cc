#include "client/sensor/decode.h"

#include "client/sensor/transport_layer.h"

namespace conntrack::sensor {
namespace {

void SetDiscarded(Discard reason, Decoded& decoded) {
  decoded.kind = Decoded::Kind::kDiscarded;
  decoded.discard = reason;
}

}  // namespace

void Decode(const Frame& frame, Checksums checksums, Decoded& decoded) {
  decoded.packet = kNoPacket;
  decoded.packet.time_unix_ns = frame.time_unix_ns;
  if (frame.time_unix_ns > kTimeMaxUnixNs) return SetDiscarded(Discard::kTimestamp, decoded);
  const LinkPayload link = ParseLinkLayer(frame.link_type, frame.captured, frame.original_length);
  if (link.discard != Discard::kNone) return SetDiscarded(link.discard, decoded);
  const NetworkPayload network = ParseNetworkLayer(link, checksums, decoded.packet);
  if (network.discard != Discard::kNone) return SetDiscarded(network.discard, decoded);
  if (network.is_fragment) {
    decoded.kind = Decoded::Kind::kFragment;
    decoded.fragment = network.fragment;
    return;
  }
  decoded.kind = Decoded::Kind::kPacket;
  if (decoded.packet.malformed != Malformed::kNone) return;
  const Discard discard =
      ParseTransportLayer(network.captured, network.length, checksums, decoded.packet);
  if (discard != Discard::kNone) SetDiscarded(discard, decoded);
}

Discard DecodeReassembled(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  packet.flags |= kReassembled;
  packet.total_length = packet.network_header_length + length;
  if (packet.ipv6) {
    const Ipv6Chain chain = FollowIpv6Chain(packet.protocol, captured, length, Reassembly::kAfter);
    packet.protocol = chain.protocol;
    if (chain.end == Ipv6Chain::End::kCaptureTruncated) return Discard::kCaptureTruncated;
    if (chain.end != Ipv6Chain::End::kUpperLayer) {
      const bool later = chain.end == Ipv6Chain::End::kLaterFragment;
      return MarkMalformed(later ? Malformed::kFragment : Malformed::kNetworkHeader, packet);
    }
    packet.network_header_length += chain.length;
    captured = SkipBytes(captured, chain.length);
    length -= chain.length;
  }
  return ParseTransportLayer(captured, length, checksums, packet);
}

}  // namespace conntrack::sensor
