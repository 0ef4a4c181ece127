#include "server/convert_stored.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/tracker/request.h"
#include "server/tracker/udp.h"

namespace conntrack {
namespace {

constexpr uint32_t kWindowScaleMax = 14;

absl::Status ReadTuple(const v1::Connection& connection, StoredConnection* out) {
  const auto key = ReadKey("original", connection.protocol(), connection.original());
  if (!key.ok()) return key.status();
  const bool icmp = IsIcmpOf(key->family, key->protocol);
  if (icmp && !IsIcmpQuery(key->family, IcmpType(key->ports))) {
    return absl::InvalidArgumentError(
        absl::StrCat("original.icmp.type ", int{IcmpType(key->ports)}, " asks nothing"));
  }
  const DirectedKey directed =
      *MakeKey(0, key->family, key->protocol, key->source, key->destination, key->ports);
  Record& record = out->record;
  record.in_use = 1;
  record.protocol = key->protocol;
  record.ports = directed.key.ports;
  record.original_from_first = directed.from_first ? 1 : 0;
  record.ipv6 = key->family == Family::kIpv6 ? 1 : 0;
  if (record.ipv6 != 0) {
    out->addresses = {directed.key.first, directed.key.second};
  } else {
    record.address = {static_cast<uint32_t>(directed.key.first.low),
                      static_cast<uint32_t>(directed.key.second.low)};
  }
  if (!connection.has_reply()) return absl::OkStatus();
  const auto reply = ReadKey("reply", connection.protocol(), connection.reply());
  if (!reply.ok()) return reply.status();
  const ConnectionRef ref = out->ref();
  if (reply->source != ref.source(Direction::kReply) || reply->family != key->family ||
      reply->destination != ref.destination(Direction::kReply) ||
      reply->ports != ref.ports(Direction::kReply)) {
    return absl::InvalidArgumentError("reply is not the inverse of original");
  }
  return absl::OkStatus();
}

absl::StatusOr<TcpPeer> ReadPeer(const char* name, const v1::TcpPeer& peer) {
  TcpPeer out;
  if (peer.window_scale() > kWindowScaleMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tcp.", name, ".window_scale ", peer.window_scale(), " is above ", kWindowScaleMax));
  }
  const auto set = [&](bool is_set, uint8_t flag) {
    if (is_set) out.flags |= flag;
  };
  set(peer.has_window_scale(), tcp_peer_flag::kWindowScale);
  set(peer.sack_permitted(), tcp_peer_flag::kSackPermitted);
  set(peer.close_initiated(), tcp_peer_flag::kCloseInitiated);
  set(peer.liberal(), tcp_peer_flag::kLiberal);
  set(peer.data_unacknowledged(), tcp_peer_flag::kDataUnacknowledged);
  set(peer.has_max_acknowledgment(), tcp_peer_flag::kMaxAckSet);
  out.scale = static_cast<uint8_t>(peer.window_scale());
  out.end = peer.end();
  out.max_end = peer.max_end();
  out.max_window = peer.max_window();
  out.max_ack = peer.max_acknowledgment();
  return out;
}

absl::Status ReadTcp(const v1::TcpDetails& tcp, TcpConnection* out) {
  if (tcp.state() < v1::TCP_STATE_SYN_SENT || tcp.state() > v1::TCP_STATE_SYN_SENT2) {
    return absl::InvalidArgumentError(
        absl::StrCat("tcp.state ", static_cast<int>(tcp.state()), " is not a state"));
  }
  out->state = static_cast<TcpState>(tcp.state());
  for (const auto& [direction, name, peer] :
       {std::tuple(Direction::kOriginal, "original", &tcp.original()),
        {Direction::kReply, "reply", &tcp.reply()}}) {
    const absl::StatusOr<TcpPeer> read = ReadPeer(name, *peer);
    if (!read.ok()) return read.status();
    out->peer[Index(direction)] = *read;
  }
  // Nothing is known of what was sent: as for a connection that is picked up.
  if (!tcp.has_original() && !tcp.has_reply()) {
    for (TcpPeer& peer : out->peer) peer.flags |= tcp_peer_flag::kLiberal;
  }
  return absl::OkStatus();
}

absl::Status ReadSctp(const v1::SctpDetails& sctp, SctpConnection* out) {
  if (sctp.state() < v1::SCTP_STATE_CLOSED || sctp.state() > v1::SCTP_STATE_HEARTBEAT_SENT) {
    return absl::InvalidArgumentError(
        absl::StrCat("sctp.state ", static_cast<int>(sctp.state()), " is not a state"));
  }
  *out = SctpConnection{};
  out->state = static_cast<SctpState>(sctp.state());
  out->tag = {sctp.original_verification_tag(), sctp.reply_verification_tag()};
  return absl::OkStatus();
}

absl::Status ReadProtocol(const v1::Connection& connection, Record* record) {
  const bool is_tcp = record->protocol == kProtocolTcp;
  const bool is_sctp = record->protocol == kProtocolSctp;
  if (connection.has_tcp() != is_tcp) {
    return absl::InvalidArgumentError(is_tcp ? "tcp is missing" : "tcp is set, but not for TCP");
  }
  if (connection.has_sctp() != is_sctp) {
    return absl::InvalidArgumentError(is_sctp ? "sctp is missing"
                                              : "sctp is set, but not for SCTP");
  }
  if (is_tcp) return ReadTcp(connection.tcp(), &record->tcp);
  if (is_sctp) return ReadSctp(connection.sctp(), &record->sctp);
  return absl::OkStatus();
}

// A time of the past, or `now` when there is none.
absl::StatusOr<Time> ReadPast(const char* name, bool has, const google::protobuf::Timestamp& time,
                              Time now) {
  if (!has) return now;
  const absl::StatusOr<Time> read = ReadTime(name, time);
  if (!read.ok()) return read.status();
  return std::min(now, *read);
}

absl::Status ReadTimes(const v1::Connection& connection, Time now, StoredConnection* out) {
  const auto created =
      ReadPast("create_time", connection.has_create_time(), connection.create_time(), now);
  if (!created.ok()) return created.status();
  const auto last_seen =
      ReadPast("last_seen_time", connection.has_last_seen_time(), connection.last_seen_time(), now);
  if (!last_seen.ok()) return last_seen.status();
  const google::protobuf::Duration& timeout = connection.timeout();
  const std::string text = absl::StrCat("timeout ", timeout.seconds(), "s and ", timeout.nanos());
  const std::optional<Duration> left = FromWire(timeout);
  if (!left.has_value() || std::chrono::floor<std::chrono::seconds>(*left) > kRequestTimeoutMax) {
    return absl::InvalidArgumentError(absl::StrCat(text, "ns is not between 0s and 3456000s"));
  }
  out->extra.created = *created;
  out->record.deadline = now + *left;
  const auto since_seen = std::chrono::duration_cast<std::chrono::milliseconds>(
      out->record.deadline - std::max(*last_seen, *created));
  out->record.timeout_ms = static_cast<uint32_t>(std::min<int64_t>(since_seen.count(), UINT32_MAX));
  if (out->record.protocol == kProtocolUdp) out->record.udp = BeginUdp(*created);
  return absl::OkStatus();
}

absl::StatusOr<StoredConnection> Read(const v1::Connection& connection, Time now,
                                      const SensorRegistry& sensors) {
  StoredConnection out = {};
  absl::Status status = ReadTuple(connection, &out);
  if (status.ok()) status = ReadProtocol(connection, &out.record);
  if (status.ok()) status = ReadTimes(connection, now, &out);
  if (status.ok()) status = ReadLabels("labels", connection.labels(), &out.labels);
  if (!status.ok()) return status;
  Record& record = out.record;
  record.status = status_bit::kConfirmed;
  if (connection.seen_reply()) record.status |= status_bit::kSeenReply;
  if (connection.assured()) record.status |= status_bit::kAssured;
  record.sensor = sensors.IndexOf(connection.sensor_id()).value_or(kNoSensor);
  const auto counters = [](const v1::Counters& from) {
    return Counters{from.packets(), from.bytes()};
  };
  record.counters = {counters(connection.original_counters()),
                     counters(connection.reply_counters())};
  out.extra.mark = connection.mark();
  return out;
}

}  // namespace

absl::StatusOr<StoredConnection> FromWire(const v1::Connection& connection, Time now,
                                          const SensorRegistry& sensors) {
  absl::StatusOr<StoredConnection> read = Read(connection, now, sensors);
  if (read.ok() && read->record.deadline <= now) return absl::OutOfRangeError("no time is left");
  return read;
}

absl::StatusOr<ToldConnection> ToldFromWire(const v1::Connection& connection,
                                            const SensorRegistry& sensors) {
  const auto expires = ReadPast("expire_time", true, connection.expire_time(), Time::max());
  if (!expires.ok()) return expires.status();
  const Time now = *expires - FromWire(connection.timeout()).value_or(Duration(0));
  absl::StatusOr<StoredConnection> read = Read(connection, now, sensors);
  if (!read.ok()) return read.status();
  read->extra.id = connection.id();
  read->extra.zone_id = connection.zone();
  read->record.status = static_cast<uint16_t>(connection.status());
  return ToldConnection{*read, now};
}

}  // namespace conntrack
