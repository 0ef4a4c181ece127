#include "client/sensor/packet.h"

namespace conntrack::sensor {

const Packet kNoPacket{};

const char* DiscardName(Discard reason) {
  switch (reason) {
    case Discard::kNone:
      return "none";
    case Discard::kNotIp:
      return "not_ip";
    case Discard::kLinkHeader:
      return "link_header";
    case Discard::kCaptureTruncated:
      return "capture_truncated";
    case Discard::kTimestamp:
      return "timestamp";
    case Discard::kIpHeader:
      return "ip_header";
    case Discard::kIpVersion:
      return "ip_version";
    case Discard::kIpv4HeaderLength:
      return "ipv4_header_length";
    case Discard::kIpv4Checksum:
      return "ipv4_checksum";
    case Discard::kIpv4TotalLength:
      return "ipv4_total_length";
    case Discard::kIpv6PayloadLength:
      return "ipv6_payload_length";
    case Discard::kFragmentMisaligned:
      return "fragment_misaligned";
    case Discard::kFragmentTooLong:
      return "fragment_too_long";
    case Discard::kFragmentOverlap:
      return "fragment_overlap";
    case Discard::kFragmentDuplicate:
      return "fragment_duplicate";
    case Discard::kFragmentTimeout:
      return "fragment_timeout";
    case Discard::kFragmentMemory:
      return "fragment_memory";
  }
  return "unknown";
}

}  // namespace conntrack::sensor
