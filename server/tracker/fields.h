// The fields of a connection by which it can be asked for: what filters test and
// what counts group by. filter_fields.h has their names.
//
// Pure functions; thread-safe. With a field known to the compiler they are what
// reading that field takes, and no more.
#pragma once

#include <cstdint>
#include <optional>

#include "server/tracker/connection.h"
#include "server/tracker/packet.h"
#include "server/tracker/time.h"
#include "server/tracker/tuple.h"

namespace conntrack {

enum class FilterField : uint8_t {
  kZone,
  kId,
  kSlot,
  kProtocol,
  kFamily,
  kState,
  kSeenReply,
  kAssured,
  kMark,
  kStatus,
  kLabels,
  kSensor,
  kOriginalSource,
  kOriginalDestination,
  kReplySource,
  kReplyDestination,
  kAddress,
  kOriginalSourcePort,
  kOriginalDestinationPort,
  kReplySourcePort,
  kReplyDestinationPort,
  kPort,
  kIcmpType,
  kIcmpCode,
  kIcmpId,
  kGreSourceKey,
  kGreDestinationKey,
  kSctpOriginalTag,
  kSctpReplyTag,
  kCommunityId,
  kPackets,
  kBytes,
  kOriginalPackets,
  kOriginalBytes,
  kReplyPackets,
  kReplyBytes,
  kAge,
  kIdle,
  kExpires,
  // Bits of the mark; written as the mark.
  kMarkBits,
};
inline constexpr size_t kFilterFields = static_cast<size_t>(FilterField::kMarkBits) + 1;

// True for fields that a connection keeps for life.
constexpr bool IsFixed(FilterField field) {
  switch (field) {
    case FilterField::kState:
    case FilterField::kSeenReply:
    case FilterField::kAssured:
    case FilterField::kMark:
    case FilterField::kMarkBits:
    case FilterField::kStatus:
    case FilterField::kLabels:
    case FilterField::kSctpOriginalTag:
    case FilterField::kSctpReplyTag:
    case FilterField::kPackets:
    case FilterField::kBytes:
    case FilterField::kOriginalPackets:
    case FilterField::kOriginalBytes:
    case FilterField::kReplyPackets:
    case FilterField::kReplyBytes:
    case FilterField::kAge:
    case FilterField::kIdle:
    case FilterField::kExpires:
      return false;
    default:
      return true;
  }
}

// What the field `state` compares: states of different protocols differ, but
// those with one name are one.
constexpr uint64_t FilterStateNumber(TcpState state) { return static_cast<uint64_t>(state); }
constexpr uint64_t FilterStateNumber(SctpState state) {
  return state == SctpState::kEstablished ? FilterStateNumber(TcpState::kEstablished)
                                          : kTcpStates + static_cast<uint64_t>(state);
}

// Durations are compared as unsigned numbers: with this bit flipped they keep
// their order.
inline constexpr uint64_t kSignBit = uint64_t{1} << 63;

inline uint64_t DurationNumber(Time later, Time earlier) {
  // Unsigned, because no pair of times may overflow.
  return (static_cast<uint64_t>(UnixNanos(later)) - static_cast<uint64_t>(UnixNanos(earlier))) ^
         kSignBit;
}

// The address in one of the four fields that hold one.
[[gnu::always_inline]] inline Address AddressIn(FilterField field,
                                                const ConnectionRef& connection) {
  switch (field) {
    case FilterField::kOriginalSource:
      return connection.source(Direction::kOriginal);
    case FilterField::kOriginalDestination:
      return connection.destination(Direction::kOriginal);
    case FilterField::kReplySource:
      return connection.source(Direction::kReply);
    default:
      return connection.destination(Direction::kReply);
  }
}

// The bits of one of the three fields that are asked for bits: as many as an
// address has.
[[gnu::always_inline]] inline Address BitsIn(FilterField field, const ConnectionRef& connection) {
  if (field == FilterField::kMarkBits) return {0, connection.extra().mark};
  if (field == FilterField::kStatus) return {0, connection.record().status};
  const Labels labels = connection.labels();
  return {labels.high, labels.low};
}

[[gnu::always_inline]] inline std::optional<uint64_t> PortIn(FilterField field,
                                                             const ConnectionRef& connection) {
  if (!HasPorts(connection.protocol())) return std::nullopt;
  switch (field) {
    case FilterField::kOriginalSourcePort:
      return SourcePort(connection.ports(Direction::kOriginal));
    case FilterField::kOriginalDestinationPort:
      return DestinationPort(connection.ports(Direction::kOriginal));
    case FilterField::kReplySourcePort:
      return SourcePort(connection.ports(Direction::kReply));
    default:
      return DestinationPort(connection.ports(Direction::kReply));
  }
}

[[gnu::always_inline]] inline std::optional<uint64_t> IcmpIn(FilterField field,
                                                             const ConnectionRef& connection) {
  if (!IsIcmpOf(connection.family(), connection.protocol())) return std::nullopt;
  const uint32_t word = connection.ports(Direction::kOriginal);
  if (field == FilterField::kIcmpType) return IcmpType(word);
  if (field == FilterField::kIcmpCode) return IcmpCode(word);
  return IcmpId(word);
}

[[gnu::always_inline]] inline std::optional<uint64_t> GreKeyIn(FilterField field,
                                                               const ConnectionRef& connection) {
  if (connection.protocol() != kProtocolGre) return std::nullopt;
  const uint32_t keys = connection.ports(Direction::kOriginal);
  return field == FilterField::kGreSourceKey ? SourcePort(keys) : DestinationPort(keys);
}

[[gnu::always_inline]] inline std::optional<uint64_t> SctpTagIn(FilterField field,
                                                                const ConnectionRef& connection) {
  const SctpConnection* const sctp = connection.sctp();
  if (sctp == nullptr) return std::nullopt;
  const bool original = field == FilterField::kSctpOriginalTag;
  return sctp->tag[Index(original ? Direction::kOriginal : Direction::kReply)];
}

// The counters, which every connection has.
[[gnu::always_inline]] inline uint64_t AmountIn(FilterField field,
                                                const ConnectionRef& connection) {
  const Counters& original = connection.counters(Direction::kOriginal);
  const Counters& reply = connection.counters(Direction::kReply);
  switch (field) {
    case FilterField::kPackets:
      return original.packets + reply.packets;
    case FilterField::kBytes:
      return original.bytes + reply.bytes;
    case FilterField::kOriginalPackets:
      return original.packets;
    case FilterField::kOriginalBytes:
      return original.bytes;
    case FilterField::kReplyPackets:
      return reply.packets;
    default:
      return reply.bytes;
  }
}

// The number in a field that holds one number; nullopt when the connection does
// not have it. `now()`, the clock of its zone, is called for ages and the like.
//
// REQUIRES: no address, no bits, no Community ID, and not kPort, which stands for
// two.
template <typename Now>
[[gnu::always_inline]] inline std::optional<uint64_t> NumberIn(FilterField field,
                                                               const ConnectionRef& connection,
                                                               uint32_t slot_count, Now now) {
  switch (field) {
    case FilterField::kZone:
      return connection.zone_id();
    case FilterField::kId:
      return connection.id();
    case FilterField::kSlot:
      return connection.id() % slot_count;
    case FilterField::kProtocol:
      return connection.protocol();
    case FilterField::kFamily:
      return static_cast<uint64_t>(connection.family());
    case FilterField::kState:
      if (const TcpConnection* tcp = connection.tcp()) return FilterStateNumber(tcp->state);
      if (const SctpConnection* sctp = connection.sctp()) return FilterStateNumber(sctp->state);
      return std::nullopt;
    case FilterField::kSeenReply:
      return connection.Has(status_bit::kSeenReply);
    case FilterField::kAssured:
      return connection.Has(status_bit::kAssured);
    case FilterField::kMark:
      return connection.extra().mark;
    case FilterField::kSensor:
      return connection.record().sensor;
    case FilterField::kOriginalSourcePort:
    case FilterField::kOriginalDestinationPort:
    case FilterField::kReplySourcePort:
    case FilterField::kReplyDestinationPort:
      return PortIn(field, connection);
    case FilterField::kIcmpType:
    case FilterField::kIcmpCode:
    case FilterField::kIcmpId:
      return IcmpIn(field, connection);
    case FilterField::kGreSourceKey:
    case FilterField::kGreDestinationKey:
      return GreKeyIn(field, connection);
    case FilterField::kSctpOriginalTag:
    case FilterField::kSctpReplyTag:
      return SctpTagIn(field, connection);
    case FilterField::kAge:
      return DurationNumber(now(), connection.created());
    case FilterField::kIdle:
      return DurationNumber(now(), connection.last_seen());
    case FilterField::kExpires:
      return DurationNumber(connection.deadline(), now());
    default:
      return AmountIn(field, connection);
  }
}

}  // namespace conntrack
