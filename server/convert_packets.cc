#include "server/convert_packets.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

// Rows in the sparse columns, as bits of PacketReader::sparse_.
constexpr uint8_t kLong = 1;
constexpr uint8_t kMalformed = 2;
constexpr uint8_t kOptions = 4;
constexpr uint8_t kQuote = 8;

// Bits of `shape` that packet.h does not name.
constexpr uint8_t kFlagSparse = 0x40;
constexpr uint8_t kFlagReserved = 0x80;

constexpr size_t kIpv6Bytes = 16;
constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kExtensionsInLongLengths = 15;
constexpr uint32_t kOptionBits = 0x7FF;

using Column = google::protobuf::RepeatedField<uint32_t>;

template <typename... Parts>
std::optional<BatchError> Reject(v1::BatchRejection reason, const Parts&... parts) {
  return BatchError{reason, absl::StrCat(parts...)};
}

Address LoadIpv6(const std::string& column, size_t i) {
  uint64_t high = 0;
  uint64_t low = 0;
  std::memcpy(&high, column.data() + i * kIpv6Bytes, sizeof(high));
  std::memcpy(&low, column.data() + i * kIpv6Bytes + sizeof(high), sizeof(low));
  return {__builtin_bswap64(high), __builtin_bswap64(low)};
}

std::optional<BatchError> CheckLength(const char* name, size_t size, size_t wanted) {
  if (size == wanted) return std::nullopt;
  return Reject(v1::BATCH_REJECTION_COLUMN_LENGTH, "column ", name, " has ", size,
                " elements, not ", wanted);
}

// Reasons that only the sensor can see; see MalformedColumns.
bool IsSensorReason(int reason) {
  switch (reason) {
    case v1::INVALID_REASON_FRAGMENT:
    case v1::INVALID_REASON_NETWORK_HEADER:
    case v1::INVALID_REASON_TRANSPORT_TRUNCATED:
    case v1::INVALID_REASON_TCP_HEADER_LENGTH:
    case v1::INVALID_REASON_UDP_LENGTH:
    case v1::INVALID_REASON_UDPLITE_COVERAGE:
    case v1::INVALID_REASON_SCTP_CHUNKS:
    case v1::INVALID_REASON_GRE_VERSION:
    case v1::INVALID_REASON_ICMP_ERROR_QUOTE:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<BatchError> PacketReader::Read(const v1::PacketBatch& batch, uint32_t packets_max) {
  packets_.clear();
  quotes_.clear();
  if (auto error = CheckShape(batch, packets_max)) return error;
  if (auto error = CheckSparse(batch)) return error;
  if (auto error = ReadFixed(batch)) return error;
  if (auto error = ReadMalformed(batch)) return error;
  if (auto error = ReadOptions(batch)) return error;
  return ReadQuotes(batch);
}

std::optional<BatchError> PacketReader::CheckShape(const v1::PacketBatch& batch,
                                                   uint32_t packets_max) const {
  const bool ipv4 = batch.layout() == v1::PACKET_LAYOUT_IPV4;
  if (!ipv4 && batch.layout() != v1::PACKET_LAYOUT_IPV6) {
    return Reject(v1::BATCH_REJECTION_LAYOUT, "layout ", static_cast<int>(batch.layout()),
                  " is unknown");
  }
  const bool has_ipv4 = batch.source_size() != 0 || batch.destination_size() != 0;
  const bool has_ipv6 = !batch.source_ipv6().empty() || !batch.destination_ipv6().empty();
  if (ipv4 ? has_ipv6 : has_ipv4) {
    return Reject(v1::BATCH_REJECTION_LAYOUT, "an ", ipv4 ? "IPv4" : "IPv6",
                  " batch has addresses of the other family");
  }
  if (batch.base_time_unix_ns() > kTimeMax) {
    return Reject(v1::BATCH_REJECTION_TIME, "base_time_unix_ns ", batch.base_time_unix_ns(),
                  " is above ", kTimeMax);
  }
  const size_t count = CountOf(batch);
  if (count > packets_max) {
    return Reject(v1::BATCH_REJECTION_TOO_MANY_PACKETS, "column kind has ", count,
                  " elements, more than ", packets_max);
  }
  struct Named {
    const char* name;
    int size;
  };
  const Named columns[] = {{"ports", batch.ports_size()},
                           {"time_delta_ns", batch.time_delta_ns_size()},
                           {"sequence", batch.sequence_size()},
                           {"acknowledgment", batch.acknowledgment_size()},
                           {"shape", batch.shape_size()}};
  for (const Named& column : columns) {
    if (auto error = CheckLength(column.name, static_cast<size_t>(column.size), count)) {
      return error;
    }
  }
  if (ipv4) {
    if (auto error = CheckLength("source", static_cast<size_t>(batch.source_size()), count)) {
      return error;
    }
    if (auto error =
            CheckLength("destination", static_cast<size_t>(batch.destination_size()), count)) {
      return error;
    }
  } else {
    const size_t bytes = count * kIpv6Bytes;
    if (auto error = CheckLength("source_ipv6", batch.source_ipv6().size(), bytes)) return error;
    if (auto error = CheckLength("destination_ipv6", batch.destination_ipv6().size(), bytes)) {
      return error;
    }
  }
  if (count == 0) return Reject(v1::BATCH_REJECTION_EMPTY, "the batch has no packet");
  return std::nullopt;
}

std::optional<BatchError> PacketReader::CheckSparse(const v1::PacketBatch& batch) {
  const size_t count = CountOf(batch);
  sparse_.assign(count, 0);
  const auto mark = [&](const char* name, const Column& index,
                        uint8_t bit) -> std::optional<BatchError> {
    int64_t last = -1;
    for (const uint32_t value : index) {
      if (value >= count) {
        return Reject(v1::BATCH_REJECTION_INDEX_OUT_OF_RANGE, "column ", name, ".index has ", value,
                      " in a batch of ", count, " packets");
      }
      if (value <= last) {
        return Reject(v1::BATCH_REJECTION_INDEX_ORDER, "column ", name, ".index has ", value,
                      " after ", last);
      }
      last = value;
      sparse_[value] |= bit;
    }
    return std::nullopt;
  };
  if (auto error = mark("long_lengths", batch.long_lengths().index(), kLong)) return error;
  if (auto error = mark("malformed", batch.malformed().index(), kMalformed)) return error;
  if (auto error = mark("tcp_options", batch.tcp_options().index(), kOptions)) return error;
  if (auto error = mark("icmp_errors", batch.icmp_errors().index(), kQuote)) return error;

  struct Named {
    const char* name;
    int size;
    int wanted;
  };
  const Named columns[] = {
      {"long_lengths.total_length", batch.long_lengths().total_length_size(),
       batch.long_lengths().index_size()},
      {"long_lengths.network_header_length", batch.long_lengths().network_header_length_size(),
       batch.long_lengths().index_size()},
      {"malformed.reason", batch.malformed().reason_size(), batch.malformed().index_size()},
      {"tcp_options.options", batch.tcp_options().options_size(), batch.tcp_options().index_size()},
      {"tcp_options.sack_edge", batch.tcp_options().sack_edge_size(),
       batch.tcp_options().index_size()},
      {"icmp_errors.ports", batch.icmp_errors().ports_size(), batch.icmp_errors().index_size()},
      {"icmp_errors.protocol", batch.icmp_errors().protocol_size(),
       batch.icmp_errors().index_size()}};
  for (const Named& column : columns) {
    if (auto error = CheckLength(column.name, static_cast<size_t>(column.size),
                                 static_cast<size_t>(column.wanted))) {
      return error;
    }
  }
  return std::nullopt;
}

std::optional<BatchError> PacketReader::ReadFixed(const v1::PacketBatch& batch) {
  const size_t count = CountOf(batch);
  const bool ipv4 = batch.layout() == v1::PACKET_LAYOUT_IPV4;
  const auto base = static_cast<int64_t>(batch.base_time_unix_ns());
  packets_.resize(count);
  next_long_ = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto row = static_cast<int>(i);
    Packet& packet = packets_[i];
    packet = Packet{};
    packet.time = TimeFromUnixNanos(base + batch.time_delta_ns(row));
    if (ipv4) {
      packet.source = Ipv4Address(batch.source(row));
      packet.destination = Ipv4Address(batch.destination(row));
    } else {
      packet.family = Family::kIpv6;
      packet.source = LoadIpv6(batch.source_ipv6(), i);
      packet.destination = LoadIpv6(batch.destination_ipv6(), i);
    }
    packet.ports = batch.ports(row);
    packet.protocol = static_cast<uint8_t>(batch.kind(row));
    packet.tcp_flags = static_cast<uint8_t>(batch.kind(row) >> 8);
    packet.sequence = batch.sequence(row);
    packet.acknowledgment = batch.acknowledgment(row);
    packet.window = static_cast<uint16_t>(batch.shape(row));
    const auto flags = static_cast<uint8_t>(batch.shape(row) >> 24);
    if ((flags & kFlagReserved) != 0) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column shape: bit 31 of packet ", i, " is 1");
    }
    if (((flags & kFlagSparse) != 0) != (sparse_[i] != 0)) {
      return Reject(
          v1::BATCH_REJECTION_FLAGS, "column shape: flag 0x40 of packet ", i,
          sparse_[i] != 0 ? " is 0, but it has a sparse row" : " is 1, but it has no sparse row");
    }
    if (((flags & packet_flag::kMalformed) != 0) != ((sparse_[i] & kMalformed) != 0)) {
      return Reject(v1::BATCH_REJECTION_FLAGS, "column shape: flag 0x10 of packet ", i,
                    " does not agree with column malformed");
    }
    packet.flags = static_cast<uint8_t>(flags & ~kFlagSparse);
    if (auto error = ReadLengths(batch, i, &packet)) return error;
  }
  return std::nullopt;
}

std::optional<BatchError> PacketReader::ReadLengths(const v1::PacketBatch& batch, size_t i,
                                                    Packet* packet) {
  const auto row = static_cast<int>(i);
  const bool ipv4 = packet->family == Family::kIpv4;
  const bool malformed = (packet->flags & packet_flag::kMalformed) != 0;
  const uint32_t header_field = (batch.shape(row) >> 16) & 0xF;
  const uint32_t data_offset = ((batch.shape(row) >> 20) & 0xF) * 4;
  uint32_t network_header = ipv4 ? header_field * 4 : kIpv6Header + header_field * 8;
  packet->total_length = batch.kind(row) >> 16;
  if ((sparse_[i] & kLong) != 0) {
    packet->total_length = batch.long_lengths().total_length(next_long_);
    network_header = batch.long_lengths().network_header_length(next_long_);
    ++next_long_;
  } else if (!ipv4 && header_field == kExtensionsInLongLengths) {
    return Reject(v1::BATCH_REJECTION_LENGTHS, "column shape: packet ", i,
                  " refers to long_lengths, which has no row for it");
  }
  if (malformed) return std::nullopt;
  const uint32_t network_min = ipv4 ? 20 : kIpv6Header;
  const uint32_t transport_min = packet->protocol == kProtocolTcp ? 20 : 0;
  if (network_header < network_min || data_offset < transport_min ||
      uint64_t{network_header} + data_offset > packet->total_length) {
    return Reject(v1::BATCH_REJECTION_LENGTHS, "packet ", i, ": headers of ", network_header,
                  " and ", data_offset, " bytes in a packet of ", packet->total_length);
  }
  if (packet->protocol == kProtocolTcp) {
    packet->payload_length = packet->total_length - network_header - data_offset;
  }
  return std::nullopt;
}

std::optional<BatchError> PacketReader::ReadMalformed(const v1::PacketBatch& batch) {
  const v1::MalformedColumns& columns = batch.malformed();
  for (int row = 0; row < columns.index_size(); ++row) {
    const int reason = columns.reason(row);
    if (!IsSensorReason(reason)) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column malformed.reason: ", reason, " of packet ",
                    columns.index(row), " is not for sensors to say");
    }
    packets_[columns.index(row)].malformed = static_cast<InvalidReason>(reason);
  }
  return std::nullopt;
}

std::optional<BatchError> PacketReader::ReadOptions(const v1::PacketBatch& batch) {
  const v1::TcpOptionColumns& columns = batch.tcp_options();
  for (int row = 0; row < columns.index_size(); ++row) {
    const uint32_t options = columns.options(row);
    if ((options & ~kOptionBits) != 0) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column tcp_options.options: ", options,
                    " of packet ", columns.index(row), " has unknown bits");
    }
    Packet& packet = packets_[columns.index(row)];
    packet.window_scale = static_cast<uint8_t>(options);
    packet.tcp_options = static_cast<uint8_t>(options >> 8);
    packet.sack_edge = columns.sack_edge(row);
  }
  return std::nullopt;
}

std::optional<BatchError> PacketReader::ReadQuotes(const v1::PacketBatch& batch) {
  const v1::IcmpErrorColumns& columns = batch.icmp_errors();
  const auto rows = static_cast<size_t>(columns.index_size());
  const bool ipv4 = batch.layout() == v1::PACKET_LAYOUT_IPV4;
  const size_t fixed = ipv4 ? rows : 0;
  const size_t bytes = ipv4 ? 0 : rows * kIpv6Bytes;
  struct Named {
    const char* name;
    size_t size;
    size_t wanted;
  };
  const Named lengths[] = {
      {"icmp_errors.source", static_cast<size_t>(columns.source_size()), fixed},
      {"icmp_errors.destination", static_cast<size_t>(columns.destination_size()), fixed},
      {"icmp_errors.source_ipv6", columns.source_ipv6().size(), bytes},
      {"icmp_errors.destination_ipv6", columns.destination_ipv6().size(), bytes}};
  for (const Named& column : lengths) {
    if (auto error = CheckLength(column.name, column.size, column.wanted)) return error;
  }
  // Packets point into it: it must not grow while it is filled.
  quotes_.reserve(rows);
  for (size_t i = 0; i < rows; ++i) {
    const auto row = static_cast<int>(i);
    if (columns.protocol(row) > 255) {
      return Reject(v1::BATCH_REJECTION_VALUE,
                    "column icmp_errors.protocol: ", columns.protocol(row), " of packet ",
                    columns.index(row), " is above 255");
    }
    Quote quote;
    quote.source = ipv4 ? Ipv4Address(columns.source(row)) : LoadIpv6(columns.source_ipv6(), i);
    quote.destination =
        ipv4 ? Ipv4Address(columns.destination(row)) : LoadIpv6(columns.destination_ipv6(), i);
    quote.ports = columns.ports(row);
    quote.protocol = static_cast<uint8_t>(columns.protocol(row));
    quotes_.push_back(quote);
    packets_[columns.index(row)].quote = &quotes_.back();
  }
  return std::nullopt;
}

}  // namespace conntrack
