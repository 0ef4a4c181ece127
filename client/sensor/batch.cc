#include "client/sensor/batch.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "client/sensor/bytes.h"

namespace conntrack::sensor {
namespace {

static_assert(static_cast<int>(Malformed::kFragment) == v1::INVALID_REASON_FRAGMENT);
static_assert(static_cast<int>(Malformed::kNetworkHeader) == v1::INVALID_REASON_NETWORK_HEADER);
static_assert(static_cast<int>(Malformed::kTransportTruncated) ==
              v1::INVALID_REASON_TRANSPORT_TRUNCATED);
static_assert(static_cast<int>(Malformed::kTcpHeaderLength) ==
              v1::INVALID_REASON_TCP_HEADER_LENGTH);
static_assert(static_cast<int>(Malformed::kUdpLength) == v1::INVALID_REASON_UDP_LENGTH);
static_assert(static_cast<int>(Malformed::kIcmpErrorQuote) == v1::INVALID_REASON_ICMP_ERROR_QUOTE);
static_assert(static_cast<int>(Malformed::kSctpChunks) == v1::INVALID_REASON_SCTP_CHUNKS);
static_assert(static_cast<int>(Malformed::kGreVersion) == v1::INVALID_REASON_GRE_VERSION);
static_assert(static_cast<int>(Malformed::kUdpliteCoverage) == v1::INVALID_REASON_UDPLITE_COVERAGE);

// In the fixed columns: the value stands in `long_lengths`.
constexpr uint32_t kLongTotalLength = 65'535;
constexpr uint32_t kLongExtensionUnits = 15;

uint32_t* Column(google::protobuf::RepeatedField<uint32_t>* column, uint32_t size) {
  column->Resize(static_cast<int>(size), 0);
  return column->mutable_data();
}

uint8_t* AddressColumn(std::string* column, uint32_t size) {
  column->resize(size_t{size} * sizeof(Address));
  return reinterpret_cast<uint8_t*>(column->data());
}

// The two lengths as the fixed columns have them.
struct FixedLengths {
  uint32_t total;
  uint32_t header;
  bool need_row;
};

FixedLengths FixLengths(const Packet& packet) {
  if (!packet.ipv6) {
    const bool fits = packet.total_length < kLongTotalLength;
    return {fits ? packet.total_length : kLongTotalLength, packet.network_header_length / 4, !fits};
  }
  const uint32_t extension_bytes = packet.network_header_length - 40;
  if (packet.total_length < kLongTotalLength && extension_bytes % 8 == 0 &&
      extension_bytes / 8 < kLongExtensionUnits) {
    return {packet.total_length, extension_bytes / 8, false};
  }
  return {kLongTotalLength, kLongExtensionUnits, true};
}

}  // namespace

BatchBuilder::BatchBuilder(uint32_t packets_max) : packets_max_(packets_max) {}

void BatchBuilder::Start(bool ipv6) {
  ipv6_ = ipv6;
  batch_.set_layout(ipv6 ? v1::PACKET_LAYOUT_IPV6 : v1::PACKET_LAYOUT_IPV4);
  const uint32_t size = packets_max_;
  if (ipv6) {
    columns_.source_ipv6 = AddressColumn(batch_.mutable_source_ipv6(), size);
    columns_.destination_ipv6 = AddressColumn(batch_.mutable_destination_ipv6(), size);
  } else {
    columns_.source = Column(batch_.mutable_source(), size);
    columns_.destination = Column(batch_.mutable_destination(), size);
  }
  columns_.ports = Column(batch_.mutable_ports(), size);
  columns_.kind = Column(batch_.mutable_kind(), size);
  columns_.sequence = Column(batch_.mutable_sequence(), size);
  columns_.acknowledgment = Column(batch_.mutable_acknowledgment(), size);
  columns_.shape = Column(batch_.mutable_shape(), size);
  times_.resize(size);
}

void BatchBuilder::Append(const Packet& packet) {
  if (size_ == 0) {
    Start(packet.ipv6);
    min_time_ = max_time_ = packet.time_unix_ns;
  }
  const uint32_t i = size_;
  times_[i] = packet.time_unix_ns;
  min_time_ = std::min(min_time_, packet.time_unix_ns);
  max_time_ = std::max(max_time_, packet.time_unix_ns);
  if (ipv6_) {
    std::memcpy(columns_.source_ipv6 + size_t{i} * 16, packet.source.data(), 16);
    std::memcpy(columns_.destination_ipv6 + size_t{i} * 16, packet.destination.data(), 16);
  } else {
    columns_.source[i] = Load32(packet.source, 0);
    columns_.destination[i] = Load32(packet.destination, 0);
  }
  columns_.ports[i] = packet.ports;
  columns_.sequence[i] = packet.sequence;
  columns_.acknowledgment[i] = packet.acknowledgment;

  const FixedLengths lengths = FixLengths(packet);
  uint8_t flags = packet.flags;
  if (lengths.need_row) {
    v1::LongLengthColumns& rows = *batch_.mutable_long_lengths();
    rows.add_index(i);
    rows.add_total_length(packet.total_length);
    rows.add_network_header_length(packet.network_header_length);
    flags |= kSparseRow;
  }
  if (packet.malformed != Malformed::kNone) flags |= AppendMalformed(packet);
  if (packet.tcp_options != 0) flags |= AppendTcpOptions(packet);
  if (packet.has_quote) flags |= AppendQuote(packet);
  if (packet.sctp_chunk_count != 0) flags |= AppendSctpChunks(packet);
  columns_.kind[i] = packet.protocol | uint32_t{packet.tcp_flags} << 8 | lengths.total << 16;
  columns_.shape[i] = packet.window | lengths.header << 16 |
                      uint32_t{packet.tcp_header_words} << 20 | uint32_t{flags} << 24;
  ++size_;
}

uint8_t BatchBuilder::AppendMalformed(const Packet& packet) {
  v1::MalformedColumns& rows = *batch_.mutable_malformed();
  rows.add_index(size_);
  rows.add_reason(static_cast<v1::InvalidReason>(packet.malformed));
  return kSparseRow;
}

uint8_t BatchBuilder::AppendTcpOptions(const Packet& packet) {
  v1::TcpOptionColumns& rows = *batch_.mutable_tcp_options();
  rows.add_index(size_);
  rows.add_options(packet.tcp_options);
  rows.add_sack_edge(packet.sack_edge);
  return kSparseRow;
}

uint8_t BatchBuilder::AppendQuote(const Packet& packet) {
  v1::IcmpErrorColumns& rows = *batch_.mutable_icmp_errors();
  rows.add_index(size_);
  const Quote& quote = packet.quote;
  if (ipv6_) {
    const auto append = [](const Address& address, std::string* column) {
      column->append(reinterpret_cast<const char*>(address.data()), address.size());
    };
    append(quote.source, rows.mutable_source_ipv6());
    append(quote.destination, rows.mutable_destination_ipv6());
  } else {
    rows.add_source(Load32(quote.source, 0));
    rows.add_destination(Load32(quote.destination, 0));
  }
  rows.add_ports(quote.ports);
  rows.add_protocol(quote.protocol);
  return kSparseRow;
}

uint8_t BatchBuilder::AppendSctpChunks(const Packet& packet) {
  v1::SctpChunkColumns& rows = *batch_.mutable_sctp_chunks();
  SctpChunks chunks(packet.sctp_chunks);
  for (uint16_t i = 0; i < packet.sctp_chunk_count && chunks.Next(); ++i) {
    rows.add_index(size_);
    rows.add_chunk(chunks.type() | uint32_t{chunks.flags()} << 8);
  }
  chunks_ += packet.sctp_chunk_count;
  return kSparseRow;
}

v1::PacketBatch BatchBuilder::Take() {
  const int size = static_cast<int>(size_);
  batch_.set_base_time_unix_ns(min_time_);
  uint32_t* delta = Column(batch_.mutable_time_delta_ns(), size_);
  for (int i = 0; i < size; ++i) delta[i] = static_cast<uint32_t>(times_[i] - min_time_);
  if (ipv6_) {
    batch_.mutable_source_ipv6()->resize(size_t{size_} * 16);
    batch_.mutable_destination_ipv6()->resize(size_t{size_} * 16);
  } else {
    batch_.mutable_source()->Truncate(size);
    batch_.mutable_destination()->Truncate(size);
  }
  batch_.mutable_ports()->Truncate(size);
  batch_.mutable_kind()->Truncate(size);
  batch_.mutable_sequence()->Truncate(size);
  batch_.mutable_acknowledgment()->Truncate(size);
  batch_.mutable_shape()->Truncate(size);
  const bool mostly_empty = size_ < packets_max_ / 2;
  size_ = 0;
  chunks_ = 0;
  v1::PacketBatch taken;
  if (mostly_empty) {
    // A copy is cut to size, and the arrays serve the next batch: small batches
    // wait for their acks in little memory.
    taken = batch_;
    batch_.Clear();
  } else {
    taken.Swap(&batch_);
  }
  return taken;
}

}  // namespace conntrack::sensor
