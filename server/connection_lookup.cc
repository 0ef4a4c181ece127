#include "server/connection_lookup.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/convert_columns.h"

namespace conntrack {
namespace {

absl::Status CheckColumns(const v1::LookupConnectionsRequest& request) {
  const bool ipv4 = request.layout() == v1::PACKET_LAYOUT_IPV4;
  if (!ipv4 && request.layout() != v1::PACKET_LAYOUT_IPV6) {
    return absl::InvalidArgumentError(
        absl::StrCat("layout ", static_cast<int>(request.layout()), " is unknown"));
  }
  const size_t count = request.protocol().size();
  if (count > kLookupTuplesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("column protocol has ", count, " elements, more than ", kLookupTuplesMax));
  }
  const size_t ipv4_count = ipv4 ? count : 0;
  const size_t ipv6_bytes = ipv4 ? 0 : count * kIpv6Bytes;
  const auto error = CheckLengths(
      {LengthOf("ports", request.ports(), count), LengthOf("source", request.source(), ipv4_count),
       LengthOf("destination", request.destination(), ipv4_count),
       LengthOf("source_ipv6", request.source_ipv6(), ipv6_bytes),
       LengthOf("destination_ipv6", request.destination_ipv6(), ipv6_bytes)});
  return error.has_value() ? absl::InvalidArgumentError(error->detail) : absl::OkStatus();
}

std::optional<DirectedKey> TupleOf(const v1::LookupConnectionsRequest& request, ZoneIndex zone,
                                   size_t i) {
  const auto protocol = static_cast<uint8_t>(request.protocol()[i]);
  const auto row = static_cast<int>(i);
  if (request.layout() == v1::PACKET_LAYOUT_IPV4) {
    return MakeKey(zone, Family::kIpv4, protocol, Ipv4Address(request.source(row)),
                   Ipv4Address(request.destination(row)), request.ports(row));
  }
  return MakeKey(zone, Family::kIpv6, protocol,
                 LoadIpv6(request.source_ipv6().data() + i * kIpv6Bytes),
                 LoadIpv6(request.destination_ipv6().data() + i * kIpv6Bytes), request.ports(row));
}

uint32_t MillisecondsLeft(Duration left) {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(whole, 0, UINT32_MAX));
}

char StateOf(const ConnectionRef& connection) {
  if (const TcpConnection* tcp = connection.tcp()) return static_cast<char>(tcp->state);
  if (const SctpConnection* sctp = connection.sctp()) return static_cast<char>(sctp->state);
  return 0;
}

}  // namespace

absl::Status Lookup(Tracker* tracker, Time server_now, const v1::LookupConnectionsRequest& request,
                    v1::LookupConnectionsResponse* response) {
  if (absl::Status status = CheckColumns(request); !status.ok()) return status;
  const size_t count = request.protocol().size();
  const auto rows = static_cast<int>(count);
  response->mutable_id()->Resize(rows, 0);
  response->mutable_verdict()->resize(count);
  response->mutable_direction()->resize(count);
  response->mutable_state()->resize(count);
  response->mutable_status()->Resize(rows, 0);
  response->mutable_mark()->Resize(rows, 0);
  response->mutable_timeout_ms()->Resize(rows, 0);
  const std::optional<ZoneIndex> zone = tracker->FindZone(request.zone());
  if (!zone.has_value()) return absl::OkStatus();
  std::vector<std::optional<DirectedKey>> tuples(count);
  for (size_t i = 0; i < count; ++i) tuples[i] = TupleOf(request, *zone, i);
  const auto fill = [&](uint32_t i, const ConnectionRef& connection, Direction direction,
                        Time now) {
    const bool reply = direction == Direction::kReply;
    const bool established = reply || connection.Has(status_bit::kSeenReply);
    const auto row = static_cast<int>(i);
    response->set_id(row, connection.id());
    (*response->mutable_verdict())[i] = established ? v1::VERDICT_ESTABLISHED : v1::VERDICT_NEW;
    (*response->mutable_direction())[i] = reply ? v1::DIRECTION_REPLY : v1::DIRECTION_ORIGINAL;
    (*response->mutable_state())[i] = StateOf(connection);
    response->set_status(row, connection.record().status);
    response->set_mark(row, connection.extra().mark);
    response->set_timeout_ms(row, MillisecondsLeft(connection.deadline() - now));
  };
  tracker->Lookup(*zone, tuples, server_now, fill);
  return absl::OkStatus();
}

}  // namespace conntrack
