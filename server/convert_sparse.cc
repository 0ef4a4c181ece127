#include "server/convert_sparse.h"

namespace conntrack {
namespace {

constexpr uint32_t kOptionBits = 0x7FF;
constexpr uint32_t kChunkBits = 0xFFFF;
// As many as 65,535 bytes can hold.
constexpr uint16_t kChunksMax = 16'384;

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

std::optional<BatchError> FillMalformed(const v1::MalformedColumns& columns,
                                        std::span<Packet> packets) {
  for (int row = 0; row < columns.index_size(); ++row) {
    const int reason = columns.reason(row);
    if (!IsSensorReason(reason)) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column malformed.reason: ", reason, " of packet ",
                    columns.index(row), " is not for sensors to say");
    }
    packets[columns.index(row)].malformed = static_cast<InvalidReason>(reason);
  }
  return std::nullopt;
}

std::optional<BatchError> FillOptions(const v1::TcpOptionColumns& columns,
                                      std::span<Packet> packets) {
  for (int row = 0; row < columns.index_size(); ++row) {
    const uint32_t options = columns.options(row);
    if ((options & ~kOptionBits) != 0) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column tcp_options.options: ", options,
                    " of packet ", columns.index(row), " has unknown bits");
    }
    Packet& packet = packets[columns.index(row)];
    packet.window_scale = static_cast<uint8_t>(options);
    packet.tcp_options = static_cast<uint8_t>(options >> 8);
    packet.sack_edge = columns.sack_edge(row);
  }
  return std::nullopt;
}

}  // namespace

std::optional<BatchError> SparseColumns::Mark(const char* name, const Index& index, Rows rows,
                                              uint8_t bit) {
  const int64_t step_min = rows == Rows::kOne ? 1 : 0;
  int64_t last = -1;
  for (const uint32_t value : index) {
    if (value >= rows_.size()) {
      return Reject(v1::BATCH_REJECTION_INDEX_OUT_OF_RANGE, "column ", name, ".index has ", value,
                    " in a batch of ", rows_.size(), " packets");
    }
    if (value < last + step_min) {
      return Reject(v1::BATCH_REJECTION_INDEX_ORDER, "column ", name, ".index has ", value,
                    " after ", last);
    }
    last = value;
    rows_[value] |= bit;
  }
  return std::nullopt;
}

std::optional<BatchError> SparseColumns::Check(const v1::PacketBatch& batch, size_t count) {
  rows_.assign(count, 0);
  const v1::LongLengthColumns& lengths = batch.long_lengths();
  const v1::MalformedColumns& malformed = batch.malformed();
  const v1::TcpOptionColumns& options = batch.tcp_options();
  const v1::IcmpErrorColumns& errors = batch.icmp_errors();
  const v1::SctpChunkColumns& chunks = batch.sctp_chunks();
  if (auto error = Mark("long_lengths", lengths.index(), Rows::kOne, kLongLengths)) return error;
  if (auto error = Mark("malformed", malformed.index(), Rows::kOne, kMalformed)) return error;
  if (auto error = Mark("tcp_options", options.index(), Rows::kOne, kTcpOptions)) return error;
  if (auto error = Mark("icmp_errors", errors.index(), Rows::kOne, kIcmpError)) return error;
  if (auto error = Mark("sctp_chunks", chunks.index(), Rows::kMany, kSctpChunks)) return error;

  const auto length_rows = static_cast<size_t>(lengths.index_size());
  const auto malformed_rows = static_cast<size_t>(malformed.index_size());
  const auto option_rows = static_cast<size_t>(options.index_size());
  const auto error_rows = static_cast<size_t>(errors.index_size());
  const auto chunk_rows = static_cast<size_t>(chunks.index_size());
  const bool ipv4 = batch.layout() == v1::PACKET_LAYOUT_IPV4;
  const size_t ipv4_rows = ipv4 ? error_rows : 0;
  const size_t ipv6_bytes = ipv4 ? 0 : error_rows * kIpv6Bytes;
  return CheckLengths(
      {LengthOf("long_lengths.total_length", lengths.total_length(), length_rows),
       LengthOf("long_lengths.network_header_length", lengths.network_header_length(), length_rows),
       LengthOf("malformed.reason", malformed.reason(), malformed_rows),
       LengthOf("tcp_options.options", options.options(), option_rows),
       LengthOf("tcp_options.sack_edge", options.sack_edge(), option_rows),
       LengthOf("icmp_errors.ports", errors.ports(), error_rows),
       LengthOf("icmp_errors.protocol", errors.protocol(), error_rows),
       LengthOf("icmp_errors.source", errors.source(), ipv4_rows),
       LengthOf("icmp_errors.destination", errors.destination(), ipv4_rows),
       LengthOf("icmp_errors.source_ipv6", errors.source_ipv6(), ipv6_bytes),
       LengthOf("icmp_errors.destination_ipv6", errors.destination_ipv6(), ipv6_bytes),
       LengthOf("sctp_chunks.chunk", chunks.chunk(), chunk_rows)});
}

std::optional<BatchError> SparseColumns::Fill(const v1::PacketBatch& batch,
                                              std::span<Packet> packets) {
  if (auto error = FillMalformed(batch.malformed(), packets)) return error;
  if (auto error = FillOptions(batch.tcp_options(), packets)) return error;
  if (auto error = FillQuotes(batch, packets)) return error;
  return FillChunks(batch.sctp_chunks(), packets);
}

std::optional<BatchError> SparseColumns::FillQuotes(const v1::PacketBatch& batch,
                                                    std::span<Packet> packets) {
  const v1::IcmpErrorColumns& columns = batch.icmp_errors();
  const bool ipv4 = batch.layout() == v1::PACKET_LAYOUT_IPV4;
  quotes_.resize(static_cast<size_t>(columns.index_size()));
  for (size_t i = 0; i < quotes_.size(); ++i) {
    const auto row = static_cast<int>(i);
    const uint32_t protocol = columns.protocol(row);
    if (protocol > 255) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column icmp_errors.protocol: ", protocol,
                    " of packet ", columns.index(row), " is above 255");
    }
    quotes_[i] = {ipv4 ? Ipv4Address(columns.source(row))
                       : LoadIpv6(columns.source_ipv6().data() + i * kIpv6Bytes),
                  ipv4 ? Ipv4Address(columns.destination(row))
                       : LoadIpv6(columns.destination_ipv6().data() + i * kIpv6Bytes),
                  columns.ports(row), static_cast<uint8_t>(protocol)};
    packets[columns.index(row)].quote = &quotes_[i];
  }
  return std::nullopt;
}

std::optional<BatchError> SparseColumns::FillChunks(const v1::SctpChunkColumns& columns,
                                                    std::span<Packet> packets) {
  chunks_.resize(static_cast<size_t>(columns.index_size()));
  for (size_t i = 0; i < chunks_.size(); ++i) {
    const auto row = static_cast<int>(i);
    const uint32_t chunk = columns.chunk(row);
    if ((chunk & ~kChunkBits) != 0) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column sctp_chunks.chunk: ", chunk, " of packet ",
                    columns.index(row), " has unknown bits");
    }
    chunks_[i] = {static_cast<uint8_t>(chunk), static_cast<uint8_t>(chunk >> 8)};
    Packet& packet = packets[columns.index(row)];
    if (packet.sctp_chunk_count == 0) packet.sctp_chunks = &chunks_[i];
    if (packet.sctp_chunk_count == kChunksMax) {
      return Reject(v1::BATCH_REJECTION_VALUE, "column sctp_chunks.index: packet ",
                    columns.index(row), " has more than ", kChunksMax, " chunks");
    }
    ++packet.sctp_chunk_count;
  }
  return std::nullopt;
}

}  // namespace conntrack
