// Verdict is what the tracker decides about one packet: netfilter's ctstate, the
// direction, and for an INVALID packet the reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace conntrack {

enum class Direction : uint8_t { kOriginal = 0, kReply = 1 };

constexpr Direction Opposite(Direction direction) {
  return direction == Direction::kOriginal ? Direction::kReply : Direction::kOriginal;
}
constexpr size_t Index(Direction direction) { return static_cast<size_t>(direction); }

enum class VerdictKind : uint8_t {
  kNew,          // Of a connection that saw no reply before this packet.
  kEstablished,  // Of a connection that did, either direction.
  kRelated,      // An ICMP error about a connection.
  kInvalid,      // Of no connection; `reason` says why.
  kUntracked,    // Not tracked on purpose: neighbour discovery.
  kTableFull,    // Would have made a connection, but its zone was full.
};
inline constexpr size_t kVerdictKinds = 6;

// Why a packet is INVALID. The numbers are those of v1.InvalidReason, which
// explains each.
enum class InvalidReason : uint8_t {
  kNone = 0,
  kFragment = 1,
  kNetworkHeader = 2,
  kTransportTruncated = 3,
  kChecksum = 4,
  kTcpHeaderLength = 5,
  kTcpFlags = 6,
  kTcpNoConnection = 7,
  kTcpNotPickedUp = 8,
  kTcpState = 9,
  kTcpSeqOverWindow = 10,
  kTcpAckUnseen = 11,
  kTcpRstBeforeAck = 12,
  kUdpLength = 13,
  kIcmpType = 14,
  kIcmpNoRequest = 15,
  kIcmpErrorQuote = 16,
  kIcmpErrorUnknown = 17,
  kIcmpErrorDestination = 18,
  kIcmpv6Redirect = 19,
  kSctpChunks = 20,
  kSctpNoConnection = 21,
  kSctpState = 22,
  kSctpTag = 23,
  kGreVersion = 24,
  kUdpliteCoverage = 25,
};
inline constexpr size_t kInvalidReasons = 26;

// Aligned, so that one is read and written as a whole.
struct alignas(4) Verdict {
  VerdictKind kind = VerdictKind::kInvalid;
  // Meaningless for kInvalid, kUntracked and kTableFull.
  Direction direction = Direction::kOriginal;
  InvalidReason reason = InvalidReason::kNone;

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

constexpr Verdict Invalid(InvalidReason reason) {
  return {VerdictKind::kInvalid, Direction::kOriginal, reason};
}

}  // namespace conntrack
