// What becomes of a captured packet when it is compared: the closed list of
// reasons for which a packet is left out on both sides, and of what must be
// completed before a kernel can judge it. Whatever else differs is a difference.
//
// Pure functions and plain data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "client/sensor/decode.h"

namespace conntrack {

// Why neither side gets a packet. But for the last two, Linux drops it whatever
// the verdict: before tracking, so that it has none, or behind it, so that the
// connection is not kept. Who watches sees it all the same.
enum class LeftOut : uint8_t {
  kUnspecified,  // From or to 0.0.0.0, or from ::.
  kLoopback,     // From or to ::1.
  kMulticast,    // From or to a multicast address.
  kBroadcast,    // From or to 255.255.255.255.
  kLinkLocal,    // From or to fe80::/10.
  kHopLimit,     // The hop limit is 0 or 1.
  kTooLong,      // Longer than the largest MTU, 65,535 bytes.
  kIpHeader,     // The total length is below that of the header.
  kIpv4Options,  // Source routes, security labels, and options that cannot be read.
  kHopByHop,     // A hop-by-hop option that asks for the packet to be dropped.
  kCutDatagram,  // A fragment or SCTP that the capture cut short.
  kUdpliteSum,   // Linux checks UDP-Lite with UDP's number, not as RFC 3828 says.
};
inline constexpr size_t kLeftOutClasses = static_cast<size_t>(LeftOut::kUdpliteSum) + 1;

// One line for people.
const char* NameOf(LeftOut reason);

// Linux drops all packets of the class, whatever they hold.
bool IsDropped(LeftOut reason);

// Nullopt: the packet is compared. `bytes` is what the capture has of it from
// its IP header on, `checksum` whether checksums are verified.
//
// REQUIRES: decoded is a packet or a fragment, and decoded from these bytes.
std::optional<LeftOut> WhyLeftOut(const sensor::Decoded& decoded, sensor::Bytes bytes,
                                  bool checksum);

// What the capture leaves open and the kernel's copy must have. None of it is
// looked at by a tracker, beyond whether checksums hold.
enum class Completion : uint8_t {
  kPayload,            // Cut off by the capture: zeros.
  kTotalLength,        // IPv4, left to the network card: that of the frame.
  kHeaderChecksum,     // IPv4, left to the network card.
  kTransportChecksum,  // Left to the network card, or of a packet that was cut.
};
inline constexpr size_t kCompletions = static_cast<size_t>(Completion::kTransportChecksum) + 1;

const char* NameOf(Completion completion);

}  // namespace conntrack
