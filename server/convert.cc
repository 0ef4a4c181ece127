#include "server/convert.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/tracker/community_id.h"
#include "server/tracker/tuple.h"

namespace conntrack {
namespace {

void TupleToWire(const ConnectionRef& connection, Direction direction, v1::Tuple* out) {
  const Family family = connection.family();
  out->set_source_address(FormatAddress(family, connection.source(direction)));
  out->set_destination_address(FormatAddress(family, connection.destination(direction)));
  const uint32_t ports = connection.ports(direction);
  if (HasPorts(connection.protocol())) {
    out->mutable_ports()->set_source(SourcePort(ports));
    out->mutable_ports()->set_destination(DestinationPort(ports));
  } else if (connection.protocol() == kProtocolGre) {
    out->mutable_gre()->set_source(SourcePort(ports));
    out->mutable_gre()->set_destination(DestinationPort(ports));
  } else if (IsIcmpOf(family, connection.protocol())) {
    v1::IcmpQuery* icmp = out->mutable_icmp();
    icmp->set_type(IcmpType(ports));
    icmp->set_code(IcmpCode(ports));
    icmp->set_id(IcmpId(ports));
  }
}

void CountersToWire(const Counters& counters, v1::Counters* out) {
  out->set_packets(counters.packets);
  out->set_bytes(counters.bytes);
}

void PeerToWire(const TcpPeer& peer, v1::TcpPeer* out) {
  // The two high bits are the tracker's own.
  constexpr uint8_t kVisible = 0x3F;
  if ((peer.flags & tcp_peer_flag::kWindowScale) != 0) out->set_window_scale(peer.scale);
  out->set_sack_permitted((peer.flags & tcp_peer_flag::kSackPermitted) != 0);
  out->set_close_initiated((peer.flags & tcp_peer_flag::kCloseInitiated) != 0);
  out->set_liberal((peer.flags & tcp_peer_flag::kLiberal) != 0);
  out->set_data_unacknowledged((peer.flags & tcp_peer_flag::kDataUnacknowledged) != 0);
  out->set_flags(peer.flags & kVisible);
  out->set_end(peer.end);
  out->set_max_end(peer.max_end);
  out->set_max_window(peer.max_window);
  if ((peer.flags & tcp_peer_flag::kMaxAckSet) != 0) out->set_max_acknowledgment(peer.max_ack);
}

struct TimeoutField {
  const char* name;
  Duration* timeout;
  const google::protobuf::Duration* wire;
};

absl::Status ReadTimeout(const TimeoutField& field) {
  const std::optional<Duration> read = FromWire(*field.wire);
  if (!read.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("settings.", field.name, " ", field.wire->seconds(), "s is out of range"));
  }
  *field.timeout = *read;
  return absl::OkStatus();
}

// Two 16-bit numbers called NAME.source and NAME.destination.
template <typename Pair>
absl::StatusOr<uint32_t> ReadPair(const std::string& name, const Pair& pair) {
  for (const auto& [end, value] :
       {std::pair("source", pair.source()), std::pair("destination", pair.destination())}) {
    if (value <= UINT16_MAX) continue;
    return absl::InvalidArgumentError(absl::StrCat(name, ".", end, " ", value, " is above 65535"));
  }
  return PortsWord(static_cast<uint16_t>(pair.source()), static_cast<uint16_t>(pair.destination()));
}

absl::StatusOr<uint32_t> ReadPorts(const std::string& name, const v1::Tuple& tuple,
                                   const ParsedKey& key) {
  if (HasPorts(key.protocol)) {
    if (!tuple.has_ports())
      return absl::InvalidArgumentError(absl::StrCat(name, ".ports is missing"));
    return ReadPair(name + ".ports", tuple.ports());
  }
  // Without keys: those of version 0.
  if (key.protocol == kProtocolGre) return ReadPair(name + ".gre", tuple.gre());
  if (!IsIcmpOf(key.family, key.protocol)) return 0;
  if (!tuple.has_icmp()) return absl::InvalidArgumentError(absl::StrCat(name, ".icmp is missing"));
  const v1::IcmpQuery& icmp = tuple.icmp();
  if (icmp.type() > UINT8_MAX || icmp.code() > UINT8_MAX || icmp.id() > UINT16_MAX) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".icmp type ", icmp.type(), " code ",
                                                   icmp.code(), " id ", icmp.id(),
                                                   " is out of range"));
  }
  if (!InverseIcmpType(key.family, static_cast<uint8_t>(icmp.type()))) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".icmp.type ", icmp.type(), " is neither query nor answer"));
  }
  return IcmpWord(static_cast<uint8_t>(icmp.type()), static_cast<uint8_t>(icmp.code()),
                  static_cast<uint16_t>(icmp.id()));
}

}  // namespace

void ToWire(Time time, google::protobuf::Timestamp* out) {
  const int64_t nanos = UnixNanos(time);
  out->set_seconds(nanos / kNanosPerSecond);
  out->set_nanos(static_cast<int32_t>(nanos % kNanosPerSecond));
}

void ToWire(Duration duration, google::protobuf::Duration* out) {
  out->set_seconds(duration.count() / kNanosPerSecond);
  out->set_nanos(static_cast<int32_t>(duration.count() % kNanosPerSecond));
}

absl::StatusOr<Time> ReadTime(const std::string& field, const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsMax = int64_t{1} << 32;
  if (time.seconds() < 0 || time.seconds() > kSecondsMax || time.nanos() < 0 ||
      time.nanos() >= kNanosPerSecond) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " ", time.seconds(), "s and ", time.nanos(), "ns is out of range"));
  }
  return TimeFromUnixNanos(time.seconds() * kNanosPerSecond + time.nanos());
}

std::optional<Duration> FromWire(const google::protobuf::Duration& duration) {
  // More than any use, but safe to multiply.
  constexpr int64_t kSecondsMax = 1'000'000'000;
  if (duration.seconds() < 0 || duration.seconds() > kSecondsMax || duration.nanos() < 0 ||
      duration.nanos() >= kNanosPerSecond) {
    return std::nullopt;
  }
  return std::chrono::seconds(duration.seconds()) + Duration(duration.nanos());
}

v1::Clock ToWire(ZoneClock clock) {
  return clock == ZoneClock::kServer ? v1::CLOCK_SERVER : v1::CLOCK_PACKET;
}

void ToWire(const ConnectionRef& connection, Time now, const WireContext& context,
            v1::Connection* out) {
  out->set_id(connection.id());
  out->set_zone(connection.zone_id());
  out->set_protocol(static_cast<v1::Protocol>(connection.protocol()));
  TupleToWire(connection, Direction::kOriginal, out->mutable_original());
  TupleToWire(connection, Direction::kReply, out->mutable_reply());
  out->set_seen_reply(connection.Has(status_bit::kSeenReply));
  out->set_assured(connection.Has(status_bit::kAssured));
  out->set_status(connection.record().status);
  if (const TcpConnection* tcp = connection.tcp()) {
    v1::TcpDetails* details = out->mutable_tcp();
    details->set_state(static_cast<v1::TcpState>(tcp->state));
    PeerToWire(tcp->peer[Index(Direction::kOriginal)], details->mutable_original());
    PeerToWire(tcp->peer[Index(Direction::kReply)], details->mutable_reply());
  }
  if (const SctpConnection* sctp = connection.sctp()) {
    v1::SctpDetails* details = out->mutable_sctp();
    details->set_state(static_cast<v1::SctpState>(sctp->state));
    details->set_original_verification_tag(sctp->tag[Index(Direction::kOriginal)]);
    details->set_reply_verification_tag(sctp->tag[Index(Direction::kReply)]);
  }
  CountersToWire(connection.counters(Direction::kOriginal), out->mutable_original_counters());
  CountersToWire(connection.counters(Direction::kReply), out->mutable_reply_counters());
  ToWire(connection.created(), out->mutable_create_time());
  ToWire(connection.last_seen(), out->mutable_last_seen_time());
  ToWire(connection.deadline(), out->mutable_expire_time());
  ToWire(std::max(connection.deadline() - now, Duration(0)), out->mutable_timeout());
  if (const Sensor* sensor = context.sensors->Find(connection.record().sensor)) {
    out->set_sensor_id(sensor->id);
  }
  out->set_slot(static_cast<uint32_t>(connection.id() % context.slot_count));
  out->set_mark(connection.extra().mark);
  ToWire(connection.labels(), out->mutable_labels());
  if (context.fields.is_default()) return;
  out->set_community_id(FormatCommunityId(CommunityIdOf(connection)));
  context.fields.Trim(out);
}

void ToWire(const Labels& labels, google::protobuf::RepeatedField<uint32_t>* out) {
  for (uint32_t label = 0; label < kLabelCount; ++label) {
    if (labels.Has(label)) out->Add(label);
  }
}

absl::Status ReadLabels(const std::string& field,
                        const google::protobuf::RepeatedField<uint32_t>& numbers, Labels* labels) {
  for (const uint32_t number : numbers) {
    if (number >= kLabelCount) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, " ", number, " is above ", kLabelCount - 1));
    }
    labels->Set(number);
  }
  return absl::OkStatus();
}

void ToWire(const GroupSums& sums, v1::ConnectionGroup* out) {
  out->set_connections(sums.connections);
  out->set_packets(sums.packets);
  out->set_bytes(sums.bytes);
}

void ToWire(const ZoneSettings& settings, v1::ZoneSettings* out) {
  out->set_connections_max(settings.connections_max);
  out->set_checksum(settings.checksum);
  const TcpSettings& from = settings.tcp;
  v1::TcpSettings* tcp = out->mutable_tcp();
  tcp->set_loose(from.loose);
  tcp->set_be_liberal(from.be_liberal);
  tcp->set_ignore_invalid_rst(from.ignore_invalid_rst);
  tcp->set_nonclosing_rst_uses_close_timeout(from.nonclosing_rst_uses_close_timeout);
  tcp->set_max_retransmissions(from.max_retransmissions);
  ToWire(from.TimeoutOf(TcpState::kSynSent), tcp->mutable_syn_sent());
  ToWire(from.TimeoutOf(TcpState::kSynRecv), tcp->mutable_syn_recv());
  ToWire(from.TimeoutOf(TcpState::kEstablished), tcp->mutable_established());
  ToWire(from.TimeoutOf(TcpState::kFinWait), tcp->mutable_fin_wait());
  ToWire(from.TimeoutOf(TcpState::kCloseWait), tcp->mutable_close_wait());
  ToWire(from.TimeoutOf(TcpState::kLastAck), tcp->mutable_last_ack());
  ToWire(from.TimeoutOf(TcpState::kTimeWait), tcp->mutable_time_wait());
  ToWire(from.TimeoutOf(TcpState::kClose), tcp->mutable_close());
  ToWire(from.TimeoutOf(TcpState::kSynSent2), tcp->mutable_syn_sent2());
  ToWire(from.max_retransmission_timeout, tcp->mutable_max_retransmission_timeout());
  ToWire(from.unacknowledged, tcp->mutable_unacknowledged());
  v1::SctpTimeouts* sctp = out->mutable_sctp();
  ToWire(settings.sctp.TimeoutOf(SctpState::kClosed), sctp->mutable_closed());
  ToWire(settings.sctp.TimeoutOf(SctpState::kCookieWait), sctp->mutable_cookie_wait());
  ToWire(settings.sctp.TimeoutOf(SctpState::kCookieEchoed), sctp->mutable_cookie_echoed());
  ToWire(settings.sctp.TimeoutOf(SctpState::kEstablished), sctp->mutable_established());
  ToWire(settings.sctp.TimeoutOf(SctpState::kShutdownSent), sctp->mutable_shutdown_sent());
  ToWire(settings.sctp.TimeoutOf(SctpState::kShutdownRecd), sctp->mutable_shutdown_recd());
  ToWire(settings.sctp.TimeoutOf(SctpState::kShutdownAckSent), sctp->mutable_shutdown_ack_sent());
  ToWire(settings.sctp.TimeoutOf(SctpState::kHeartbeatSent), sctp->mutable_heartbeat_sent());
  v1::OtherTimeouts* others = out->mutable_timeouts();
  ToWire(settings.udp, others->mutable_udp());
  ToWire(settings.udp_stream, others->mutable_udp_stream());
  ToWire(settings.icmp, others->mutable_icmp());
  ToWire(settings.icmpv6, others->mutable_icmpv6());
  ToWire(settings.generic, others->mutable_generic());
  ToWire(settings.gre, others->mutable_gre());
  ToWire(settings.gre_stream, others->mutable_gre_stream());
}

v1::Verdict ToWire(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kNew:
      return v1::VERDICT_NEW;
    case VerdictKind::kEstablished:
      return v1::VERDICT_ESTABLISHED;
    case VerdictKind::kRelated:
      return v1::VERDICT_RELATED;
    case VerdictKind::kInvalid:
      return v1::VERDICT_INVALID;
    case VerdictKind::kUntracked:
      return v1::VERDICT_UNTRACKED;
    case VerdictKind::kTableFull:
      return v1::VERDICT_TABLE_FULL;
  }
  return v1::VERDICT_UNSPECIFIED;
}

v1::Direction WireDirection(const Verdict& verdict) {
  const bool has_one = verdict.kind == VerdictKind::kNew ||
                       verdict.kind == VerdictKind::kEstablished ||
                       verdict.kind == VerdictKind::kRelated;
  if (!has_one) return v1::DIRECTION_UNSPECIFIED;
  return verdict.direction == Direction::kOriginal ? v1::DIRECTION_ORIGINAL : v1::DIRECTION_REPLY;
}

uint8_t VerdictByte(const Verdict& verdict) {
  constexpr int kDetailShift = 3;
  static_assert(v1::Verdict_MAX < 1 << kDetailShift &&
                v1::InvalidReason_MAX < 1 << (8 - kDetailShift));
  const int detail = verdict.kind == VerdictKind::kInvalid ? static_cast<int>(verdict.reason)
                                                           : WireDirection(verdict);
  return static_cast<uint8_t>(ToWire(verdict.kind) | detail << kDetailShift);
}

GroupOrder FromWire(v1::GroupOrder order) {
  switch (order) {
    case v1::GROUP_ORDER_PACKETS:
      return GroupOrder::kPackets;
    case v1::GROUP_ORDER_BYTES:
      return GroupOrder::kBytes;
    default:
      return GroupOrder::kConnections;
  }
}

absl::StatusOr<ZoneSettings> FromWire(const v1::ZoneSettings& settings) {
  ZoneSettings out;
  const v1::TcpSettings& tcp = settings.tcp();
  out.connections_max = settings.connections_max();
  out.checksum = settings.checksum();
  out.tcp.loose = tcp.loose();
  out.tcp.be_liberal = tcp.be_liberal();
  out.tcp.ignore_invalid_rst = tcp.ignore_invalid_rst();
  out.tcp.nonclosing_rst_uses_close_timeout = tcp.nonclosing_rst_uses_close_timeout();
  if (tcp.max_retransmissions() > UINT8_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("settings.tcp.max_retransmissions ",
                                                   tcp.max_retransmissions(), " is above 255"));
  }
  out.tcp.max_retransmissions = static_cast<uint8_t>(tcp.max_retransmissions());
  const auto of = [&](TcpState state) { return &out.tcp.timeout[static_cast<size_t>(state)]; };
  const auto of_sctp = [&](SctpState state) {
    return &out.sctp.timeout[static_cast<size_t>(state)];
  };
  const v1::SctpTimeouts& sctp = settings.sctp();
  const v1::OtherTimeouts& others = settings.timeouts();
  const TimeoutField fields[] = {
      {"tcp.syn_sent", of(TcpState::kSynSent), &tcp.syn_sent()},
      {"tcp.syn_recv", of(TcpState::kSynRecv), &tcp.syn_recv()},
      {"tcp.established", of(TcpState::kEstablished), &tcp.established()},
      {"tcp.fin_wait", of(TcpState::kFinWait), &tcp.fin_wait()},
      {"tcp.close_wait", of(TcpState::kCloseWait), &tcp.close_wait()},
      {"tcp.last_ack", of(TcpState::kLastAck), &tcp.last_ack()},
      {"tcp.time_wait", of(TcpState::kTimeWait), &tcp.time_wait()},
      {"tcp.close", of(TcpState::kClose), &tcp.close()},
      {"tcp.syn_sent2", of(TcpState::kSynSent2), &tcp.syn_sent2()},
      {"tcp.max_retransmission_timeout", &out.tcp.max_retransmission_timeout,
       &tcp.max_retransmission_timeout()},
      {"tcp.unacknowledged", &out.tcp.unacknowledged, &tcp.unacknowledged()},
      {"sctp.closed", of_sctp(SctpState::kClosed), &sctp.closed()},
      {"sctp.cookie_wait", of_sctp(SctpState::kCookieWait), &sctp.cookie_wait()},
      {"sctp.cookie_echoed", of_sctp(SctpState::kCookieEchoed), &sctp.cookie_echoed()},
      {"sctp.established", of_sctp(SctpState::kEstablished), &sctp.established()},
      {"sctp.shutdown_sent", of_sctp(SctpState::kShutdownSent), &sctp.shutdown_sent()},
      {"sctp.shutdown_recd", of_sctp(SctpState::kShutdownRecd), &sctp.shutdown_recd()},
      {"sctp.shutdown_ack_sent", of_sctp(SctpState::kShutdownAckSent), &sctp.shutdown_ack_sent()},
      {"sctp.heartbeat_sent", of_sctp(SctpState::kHeartbeatSent), &sctp.heartbeat_sent()},
      {"timeouts.udp", &out.udp, &others.udp()},
      {"timeouts.udp_stream", &out.udp_stream, &others.udp_stream()},
      {"timeouts.icmp", &out.icmp, &others.icmp()},
      {"timeouts.icmpv6", &out.icmpv6, &others.icmpv6()},
      {"timeouts.generic", &out.generic, &others.generic()},
      {"timeouts.gre", &out.gre, &others.gre()},
      {"timeouts.gre_stream", &out.gre_stream, &others.gre_stream()},
  };
  for (const TimeoutField& field : fields) {
    if (absl::Status status = ReadTimeout(field); !status.ok()) return status;
  }
  if (absl::Status status = out.Validate(); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("settings.", status.message()));
  }
  return out;
}

absl::StatusOr<ParsedAddress> ParseAddress(absl::string_view text) {
  // Longer than any; not to be told again.
  constexpr size_t kAddressBytesMax = 64;
  if (text.size() > kAddressBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("of ", text.size(), " bytes is not an IP address"));
  }
  if (const auto read = ReadAddress(std::string(text))) {
    return ParsedAddress{read->first, read->second};
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not an IP address"));
}

absl::StatusOr<ParsedKey> ReadKey(const std::string& name, v1::Protocol protocol,
                                  const v1::Tuple& tuple) {
  ParsedKey parsed;
  if (protocol < 0 || protocol > UINT8_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("protocol ", static_cast<int>(protocol), " is not between 0 and 255"));
  }
  parsed.protocol = static_cast<uint8_t>(protocol);
  const absl::StatusOr<ParsedAddress> source = ParseAddress(tuple.source_address());
  const absl::StatusOr<ParsedAddress> destination = ParseAddress(tuple.destination_address());
  if (!source.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".source_address ", source.status().message()));
  }
  if (!destination.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".destination_address ", destination.status().message()));
  }
  if (source->family != destination->family) {
    return absl::InvalidArgumentError(absl::StrCat(name, " has addresses of two families"));
  }
  parsed.family = source->family;
  parsed.source = source->address;
  parsed.destination = destination->address;
  const absl::StatusOr<uint32_t> ports = ReadPorts(name, tuple, parsed);
  if (!ports.ok()) return ports.status();
  parsed.ports = *ports;
  return parsed;
}

absl::StatusOr<ParsedKey> FromWire(const v1::ConnectionKey& key) {
  return ReadKey("tuple", key.protocol(), key.tuple());
}

}  // namespace conntrack
