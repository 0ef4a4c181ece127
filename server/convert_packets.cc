#include "server/convert_packets.h"

namespace conntrack {
namespace {

// Bits of `shape` that packet.h does not name.
constexpr uint8_t kFlagSparse = 0x40;
constexpr uint8_t kFlagReserved = 0x80;
// What must agree with the sparse columns, or be 0.
constexpr uint8_t kFlagsOfRows = packet_flag::kMalformed | kFlagSparse | kFlagReserved;

constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kExtensionsInLongLengths = 15;

}  // namespace

std::optional<BatchError> PacketReader::Read(const v1::PacketBatch& batch, uint32_t packets_max) {
  packets_.clear();
  if (auto error = CheckShape(batch, packets_max)) return error;
  if (auto error = sparse_.Check(batch, CountOf(batch))) return error;
  if (auto error = ReadFixed(batch)) return error;
  return sparse_.Fill(batch, packets_);
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
  const size_t ipv4_count = ipv4 ? count : 0;
  const size_t ipv6_bytes = ipv4 ? 0 : count * kIpv6Bytes;
  if (auto error = CheckLengths(
          {LengthOf("ports", batch.ports(), count),
           LengthOf("time_delta_ns", batch.time_delta_ns(), count),
           LengthOf("sequence", batch.sequence(), count),
           LengthOf("acknowledgment", batch.acknowledgment(), count),
           LengthOf("shape", batch.shape(), count), LengthOf("source", batch.source(), ipv4_count),
           LengthOf("destination", batch.destination(), ipv4_count),
           LengthOf("source_ipv6", batch.source_ipv6(), ipv6_bytes),
           LengthOf("destination_ipv6", batch.destination_ipv6(), ipv6_bytes)})) {
    return error;
  }
  if (count == 0) return Reject(v1::BATCH_REJECTION_EMPTY, "the batch has no packet");
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
    // Most packets have nothing but fixed columns.
    const bool plain = (flags & kFlagsOfRows) == 0 && sparse_.RowsOf(i) == 0;
    if (!plain || packet.protocol == kProtocolSctp) {
      if (auto error = CheckFlags(flags, packet.protocol, i)) return error;
    }
    packet.flags = static_cast<uint8_t>(flags & ~kFlagSparse);
    if (auto error = ReadLengths(batch, i, &packet)) return error;
  }
  return std::nullopt;
}

std::optional<BatchError> PacketReader::CheckFlags(uint8_t flags, uint8_t protocol,
                                                   size_t i) const {
  const uint8_t rows = sparse_.RowsOf(i);
  const bool malformed = (flags & packet_flag::kMalformed) != 0;
  if ((flags & kFlagReserved) != 0) {
    return Reject(v1::BATCH_REJECTION_VALUE, "column shape: bit 31 of packet ", i, " is 1");
  }
  if (((flags & kFlagSparse) != 0) != (rows != 0)) {
    return Reject(v1::BATCH_REJECTION_FLAGS, "column shape: flag 0x40 of packet ", i,
                  rows != 0 ? " is 0, but it has a sparse row" : " is 1, but it has no sparse row");
  }
  if (malformed != ((rows & SparseColumns::kMalformed) != 0)) {
    return Reject(v1::BATCH_REJECTION_FLAGS, "column shape: flag 0x10 of packet ", i,
                  " does not agree with column malformed");
  }
  const bool has_chunks = (rows & SparseColumns::kSctpChunks) != 0;
  if (has_chunks != (protocol == kProtocolSctp && !malformed)) {
    return Reject(v1::BATCH_REJECTION_FLAGS, "column sctp_chunks: packet ", i, " of protocol ",
                  int{protocol}, malformed ? ", malformed," : "",
                  has_chunks ? " has a row" : " has no row");
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
  if ((sparse_.RowsOf(i) & SparseColumns::kLongLengths) != 0) {
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

}  // namespace conntrack
