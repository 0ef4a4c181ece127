#include "server/convert_connection.h"

#include <algorithm>

#include "server/tracker/address_text.h"
#include "server/tracker/community_id.h"
#include "server/tracker/tuple.h"

namespace conntrack {
namespace {

// The addresses of a connection as text, which both tuples show.
struct EndTexts {
  std::array<char, kAddressRoom> text[2];
  size_t length[2];

  explicit EndTexts(const ConnectionRef& connection) {
    const Address ends[] = {connection.source(Direction::kOriginal),
                            connection.destination(Direction::kOriginal)};
    for (size_t i = 0; i < 2; ++i) {
      char* const begin = text[i].data();
      length[i] = static_cast<size_t>(WriteAddress(connection.family(), ends[i], begin) - begin);
    }
  }
  absl::string_view at(size_t end) const { return {text[end].data(), length[end]}; }
};

// All are part of WriteConnection, so that its place in the buffer stays in a
// register: a byte written through a pointer might change it otherwise.
template <typename Pair>
[[gnu::always_inline]] inline void WritePair(int field, uint32_t ports, WireWriter* out) {
  char* const begin = out->BeginShort(field);
  out->Number(Pair::kSourceFieldNumber, SourcePort(ports));
  out->Number(Pair::kDestinationFieldNumber, DestinationPort(ports));
  out->EndShort(begin);
}

[[gnu::always_inline]] inline void WriteTuple(int field, const ConnectionRef& connection,
                                              Direction direction, const EndTexts& ends,
                                              WireWriter* out) {
  char* const begin = out->BeginShort(field);
  const size_t source = Index(direction);
  out->ShortText(v1::Tuple::kSourceAddressFieldNumber, ends.at(source));
  out->ShortText(v1::Tuple::kDestinationAddressFieldNumber, ends.at(1 - source));
  const uint32_t ports = connection.ports(direction);
  if (HasPorts(connection.protocol())) {
    WritePair<v1::PortPair>(v1::Tuple::kPortsFieldNumber, ports, out);
  } else if (connection.protocol() == kProtocolGre) {
    WritePair<v1::GreKeys>(v1::Tuple::kGreFieldNumber, ports, out);
  } else if (IsIcmpOf(connection.family(), connection.protocol())) {
    char* const icmp = out->BeginShort(v1::Tuple::kIcmpFieldNumber);
    out->Number(v1::IcmpQuery::kTypeFieldNumber, IcmpType(ports));
    out->Number(v1::IcmpQuery::kCodeFieldNumber, IcmpCode(ports));
    out->Number(v1::IcmpQuery::kIdFieldNumber, IcmpId(ports));
    out->EndShort(icmp);
  }
  out->EndShort(begin);
}

[[gnu::always_inline]] inline void WriteCounters(int field, const Counters& counters,
                                                 WireWriter* out) {
  char* const begin = out->BeginShort(field);
  out->Number(v1::Counters::kPacketsFieldNumber, counters.packets);
  out->Number(v1::Counters::kBytesFieldNumber, counters.bytes);
  out->EndShort(begin);
}

[[gnu::always_inline]] inline void WritePeer(int field, const TcpPeer& peer, WireWriter* out) {
  using Peer = v1::TcpPeer;
  // The two high bits are the tracker's own.
  constexpr uint8_t kVisible = 0x3F;
  const auto has = [&](uint8_t flag) { return (peer.flags & flag) != 0; };
  char* const begin = out->BeginShort(field);
  if (has(tcp_peer_flag::kWindowScale)) {
    out->PresentNumber(Peer::kWindowScaleFieldNumber, peer.scale);
  }
  out->Number(Peer::kSackPermittedFieldNumber, has(tcp_peer_flag::kSackPermitted));
  out->Number(Peer::kCloseInitiatedFieldNumber, has(tcp_peer_flag::kCloseInitiated));
  out->Number(Peer::kLiberalFieldNumber, has(tcp_peer_flag::kLiberal));
  out->Number(Peer::kDataUnacknowledgedFieldNumber, has(tcp_peer_flag::kDataUnacknowledged));
  out->Number(Peer::kFlagsFieldNumber, peer.flags & kVisible);
  out->Number(Peer::kEndFieldNumber, peer.end);
  out->Number(Peer::kMaxEndFieldNumber, peer.max_end);
  out->Number(Peer::kMaxWindowFieldNumber, peer.max_window);
  if (has(tcp_peer_flag::kMaxAckSet)) {
    out->PresentNumber(Peer::kMaxAcknowledgmentFieldNumber, peer.max_ack);
  }
  out->EndShort(begin);
}

[[gnu::always_inline]] inline void WriteTcp(const TcpConnection& tcp, WireWriter* out) {
  char* const begin = out->BeginShort(v1::Connection::kTcpFieldNumber);
  out->Number(v1::TcpDetails::kStateFieldNumber, static_cast<uint64_t>(tcp.state));
  WritePeer(v1::TcpDetails::kOriginalFieldNumber, tcp.peer[Index(Direction::kOriginal)], out);
  WritePeer(v1::TcpDetails::kReplyFieldNumber, tcp.peer[Index(Direction::kReply)], out);
  out->EndShort(begin);
}

[[gnu::always_inline]] inline void WriteSctp(const SctpConnection& sctp, WireWriter* out) {
  using Details = v1::SctpDetails;
  char* const begin = out->BeginShort(v1::Connection::kSctpFieldNumber);
  out->Number(Details::kStateFieldNumber, static_cast<uint64_t>(sctp.state));
  out->Number(Details::kOriginalVerificationTagFieldNumber, sctp.tag[Index(Direction::kOriginal)]);
  out->Number(Details::kReplyVerificationTagFieldNumber, sctp.tag[Index(Direction::kReply)]);
  out->EndShort(begin);
}

void WriteLabels(const Labels& labels, WireWriter* out) {
  char* const begin = out->BeginLong(v1::Connection::kLabelsFieldNumber);
  for (uint32_t label = 0; label < kLabelCount; ++label) {
    if (labels.Has(label)) out->PackedNumber(label);
  }
  out->EndLong(begin);
}

// Timestamp and Duration look the same: seconds and nanos, both signed.
[[gnu::always_inline]] inline void WriteNanos(int field, int64_t nanos, WireWriter* out) {
  char* const begin = out->BeginShort(field);
  out->Number(google::protobuf::Timestamp::kSecondsFieldNumber,
              static_cast<uint64_t>(nanos / kNanosPerSecond));
  out->Number(google::protobuf::Timestamp::kNanosFieldNumber,
              static_cast<uint64_t>(nanos % kNanosPerSecond));
  out->EndShort(begin);
}

// Writes all fields but the Community ID.
void WriteFields(const ConnectionRef& connection, Time now, const WireContext& context,
                 WireWriter* writer);

uint64_t ReadVarint(const char** from) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*(*from)++);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
}

// Moves the fields from `begin` to `end` that are wanted together, and returns their
// end. REQUIRES: fields that are varints or have a length, as those of v1.Connection.
char* KeepFields(char* begin, const char* end, const ConnectionFields& fields) {
  char* kept = begin;
  for (const char* from = begin; from < end;) {
    const char* const field = from;
    const uint64_t tag = ReadVarint(&from);
    const uint64_t value = ReadVarint(&from);
    if ((tag & 7) != 0) from += value;
    if (!fields.Has(static_cast<int>(tag >> 3))) continue;
    kept = std::copy(field, from, kept);
  }
  return kept;
}

}  // namespace

void WriteTime(int field, Time time, WireWriter* out) { WriteNanos(field, UnixNanos(time), out); }

void WriteDuration(int field, Duration duration, WireWriter* out) {
  WriteNanos(field, duration.count(), out);
}

void WriteConnection(const ConnectionRef& connection, Time now, const WireContext& context,
                     WireWriter* writer) {
  char* const begin = writer->end();
  WriteFields(connection, now, context, writer);
  if (context.fields.is_default()) return;
  if (context.fields.Has(v1::Connection::kCommunityIdFieldNumber)) {
    writer->ShortText(v1::Connection::kCommunityIdFieldNumber,
                      FormatCommunityId(CommunityIdOf(connection)));
  }
  *writer = WireWriter(KeepFields(begin, writer->end(), context.fields));
}

namespace {

void WriteFields(const ConnectionRef& connection, Time now, const WireContext& context,
                 WireWriter* writer) {
  using Wire = v1::Connection;
  const EndTexts ends(connection);
  WireWriter copy = *writer;
  WireWriter* const out = &copy;
  out->Number(Wire::kIdFieldNumber, connection.id());
  out->Number(Wire::kZoneFieldNumber, connection.zone_id());
  out->Number(Wire::kProtocolFieldNumber, connection.protocol());
  WriteTuple(Wire::kOriginalFieldNumber, connection, Direction::kOriginal, ends, out);
  WriteTuple(Wire::kReplyFieldNumber, connection, Direction::kReply, ends, out);
  out->Number(Wire::kSeenReplyFieldNumber, connection.Has(status_bit::kSeenReply));
  out->Number(Wire::kAssuredFieldNumber, connection.Has(status_bit::kAssured));
  out->Number(Wire::kStatusFieldNumber, connection.record().status);
  if (const TcpConnection* tcp = connection.tcp()) WriteTcp(*tcp, out);
  WriteCounters(Wire::kOriginalCountersFieldNumber, connection.counters(Direction::kOriginal), out);
  WriteCounters(Wire::kReplyCountersFieldNumber, connection.counters(Direction::kReply), out);
  WriteTime(Wire::kCreateTimeFieldNumber, connection.created(), out);
  WriteTime(Wire::kLastSeenTimeFieldNumber, connection.last_seen(), out);
  WriteTime(Wire::kExpireTimeFieldNumber, connection.deadline(), out);
  WriteDuration(Wire::kTimeoutFieldNumber, std::max(connection.deadline() - now, Duration(0)), out);
  if (const Sensor* sensor = context.sensors->Find(connection.record().sensor)) {
    out->ShortText(Wire::kSensorIdFieldNumber, sensor->id);
  }
  out->Number(Wire::kSlotFieldNumber, connection.id() % context.slot_count);
  out->Number(Wire::kMarkFieldNumber, connection.extra().mark);
  if (const Labels labels = connection.labels(); labels.any()) {
    // Rare, so that it is a call: with what was written so far.
    *writer = copy;
    WriteLabels(labels, writer);
    copy = *writer;
  }
  if (const SctpConnection* sctp = connection.sctp()) WriteSctp(*sctp, out);
  *writer = copy;
}

}  // namespace

void AddConnection(int field, const ConnectionRef& connection, Time now, const WireContext& context,
                   SliceWriter* rows) {
  WireWriter out(rows->Reserve(kConnectionRowRoom));
  char* const begin = out.BeginLong(field);
  WriteConnection(connection, now, context, &out);
  out.EndLong(begin);
  rows->Commit(out.end());
}

}  // namespace conntrack
