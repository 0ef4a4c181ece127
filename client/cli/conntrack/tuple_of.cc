#include "client/cli/conntrack/tuple_of.h"

namespace conntrack::cli {
namespace {

// What was said of this direction, else what the other one implies.
template <typename Value>
Value Either(const std::optional<Value>& own, const std::optional<Value>& others) {
  return own.has_value() ? *own : others.value_or(Value());
}

bool Contradicts(const std::optional<IpAddress>& one, const std::optional<IpAddress>& other) {
  return one.has_value() && other.has_value() && one->bytes != other->bytes;
}

template <typename Value>
bool Contradicts(const std::optional<Value>& one, const std::optional<Value>& other) {
  return one.has_value() && other.has_value() && *one != *other;
}

}  // namespace

absl::StatusOr<v1::Tuple> OriginalTuple(const ConntrackOptions& options) {
  const DirectionOptions& there = options.original;
  const DirectionOptions& back = options.reply;
  if (Contradicts(there.source, back.destination) || Contradicts(there.destination, back.source) ||
      Contradicts(there.source_port, back.destination_port) ||
      Contradicts(there.destination_port, back.source_port) ||
      Contradicts(there.source_key, back.destination_key) ||
      Contradicts(there.destination_key, back.source_key)) {
    return absl::InvalidArgumentError("invalid parameters");
  }
  v1::Tuple tuple;
  tuple.set_source_address(Either(there.source, back.destination).Text());
  tuple.set_destination_address(Either(there.destination, back.source).Text());
  switch (*options.protocol) {
    case v1::PROTOCOL_TCP:
    case v1::PROTOCOL_UDP:
    case v1::PROTOCOL_UDPLITE:
    case v1::PROTOCOL_SCTP:
      tuple.mutable_ports()->set_source(Either(there.source_port, back.destination_port));
      tuple.mutable_ports()->set_destination(Either(there.destination_port, back.source_port));
      break;
    case v1::PROTOCOL_ICMP:
    case v1::PROTOCOL_ICMPV6:
      tuple.mutable_icmp()->set_type(options.icmp_type.value_or(0));
      tuple.mutable_icmp()->set_code(options.icmp_code.value_or(0));
      tuple.mutable_icmp()->set_id(options.icmp_id.value_or(0));
      break;
    case v1::PROTOCOL_GRE:
      tuple.mutable_gre()->set_source(Either(there.source_key, back.destination_key));
      tuple.mutable_gre()->set_destination(Either(there.destination_key, back.source_key));
      break;
    default:
      break;
  }
  return tuple;
}

}  // namespace conntrack::cli
