#include "server/convert_packets.h"

#include <algorithm>

namespace conntrack {
namespace {

// Bits of `shape` that packet.h does not name.
constexpr uint8_t kFlagSparse = 0x40;
constexpr uint8_t kFlagReserved = 0x80;
// What must agree with the sparse columns, or be 0.
constexpr uint8_t kFlagsOfRows = packet_flag::kMalformed | kFlagSparse | kFlagReserved;

constexpr uint32_t kIpv4HeaderMin = 20;
constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kTcpHeaderMin = 20;
constexpr uint32_t kExtensionsInLongLengths = 15;

// Rows that are looked at together: if one of them is not plain, each by itself.
constexpr size_t kBlockRows = 32;

// Conditions as numbers, 1 or 0, which the compiler makes vectors of; it makes
// none of bools. REQUIRES: both are below half of what a Word can hold.
template <typename Word>
constexpr Word Less(Word a, Word b) {
  return (a - b) >> (sizeof(Word) * 8 - 1);
}
template <typename Word>
constexpr Word Equal(Word a, Word b) {
  return Less<Word>(a ^ b, 1);
}

// Copied, because compilers write Packet{} with a string instruction, which takes 10 ns.
const Packet kNoPacket{};

// What `kind` and `shape` say of a packet; lengths in bytes.
struct Row {
  uint32_t protocol;
  uint32_t flags;
  uint32_t total_length;
  // Not valid when `long_lengths` has it.
  uint32_t network_header;
  uint32_t data_offset;
  // 1 when the length of the IPv6 header stands in `long_lengths`, else 0.
  uint32_t refers_to_long_lengths;
};

template <Family family>
Row RowOf(uint32_t kind, uint32_t shape) {
  constexpr bool kIpv4 = family == Family::kIpv4;
  const uint32_t header = shape >> 16 & 0xF;
  return {kind & 0xFF,
          shape >> 24,
          kind >> 16,
          kIpv4 ? header * 4 : kIpv6Header + header * 8,
          (shape >> 20 & 0xF) * 4,
          kIpv4 ? 0 : Equal(header, kExtensionsInLongLengths)};
}

// Not 0 when the headers are too short, or longer than the packet.
template <Family family, typename Word>
Word LengthFaults(const Row& row) {
  constexpr Word kNetworkMin = family == Family::kIpv4 ? kIpv4HeaderMin : kIpv6Header;
  const Word headers = Word{row.network_header} + row.data_offset;
  return Less<Word>(row.network_header, kNetworkMin) |
         (Less<Word>(row.data_offset, kTcpHeaderMin) & Equal<Word>(row.protocol, kProtocolTcp)) |
         Less<Word>(row.total_length, headers);
}

// 0 when nothing can be wrong with a packet that has no sparse row.
template <Family family>
uint32_t Oddities(const Row& row) {
  return (row.flags & kFlagsOfRows) | Equal<uint32_t>(row.protocol, kProtocolSctp) |
         uint32_t{row.refers_to_long_lengths} | LengthFaults<family, uint32_t>(row);
}

// Whether nothing can be wrong with these packets. Each list has one element for
// a packet.
template <Family family>
bool ArePlain(std::span<const uint32_t> kind, const uint32_t* shape, const uint8_t* rows) {
  uint32_t oddities = 0;
  for (size_t i = 0; i < kind.size(); ++i) {
    oddities |= Oddities<family>(RowOf<family>(kind[i], shape[i]));
  }
  uint8_t sparse = 0;
  for (size_t i = 0; i < kind.size(); ++i) sparse |= rows[i];
  return oddities == 0 && sparse == 0;
}

// Of TCP; 0 of others.
uint32_t PayloadOf(const Row& row) {
  const bool has_payload =
      row.protocol == kProtocolTcp && (row.flags & packet_flag::kMalformed) == 0;
  return has_payload ? row.total_length - row.network_header - row.data_offset : 0;
}

}  // namespace

void PacketReader::Clear() {
  count_ = 0;
  full_ = false;
  newest_ = kNeverYet;
}

std::optional<BatchError> PacketReader::Append(const v1::PacketBatch& batch, uint32_t packets_max) {
  if (auto error = CheckShape(batch, packets_max)) return error;
  if (auto error = sparse_.Check(batch, CountOf(batch))) return error;
  return batch.layout() == v1::PACKET_LAYOUT_IPV4 ? ReadRows<Family::kIpv4>(batch)
                                                  : ReadRows<Family::kIpv6>(batch);
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

template <Family family>
std::optional<BatchError> PacketReader::ReadRows(const v1::PacketBatch& batch) {
  if (auto error = CheckRows<family>(batch)) return error;
  const size_t count = count_ + CountOf(batch);
  if (memory_.size() < count) memory_.resize(count);
  const std::span<Packet> packets(memory_.data() + count_, memory_.data() + count);
  const Time newest = Fill<family>(batch, packets);
  FillLongLengths(batch, packets);
  if (auto error = sparse_.Fill(batch, packets)) return error;
  newest_ = std::max(newest_, newest);
  count_ = count;
  full_ = count_ >= kFullPackets || sparse_.in_use();
  return std::nullopt;
}

template <Family family>
std::optional<BatchError> PacketReader::CheckRows(const v1::PacketBatch& batch) const {
  const size_t count = CountOf(batch);
  const uint32_t* const kind = batch.kind().data();
  const uint32_t* const shape = batch.shape().data();
  // The next row of `long_lengths`.
  int next_long = 0;
  for (size_t begin = 0; begin < count; begin += kBlockRows) {
    const size_t end = std::min(begin + kBlockRows, count);
    if (ArePlain<family>({kind + begin, end - begin}, shape + begin, sparse_.rows() + begin))
      continue;
    for (size_t i = begin; i < end; ++i) {
      Row row = RowOf<family>(kind[i], shape[i]);
      if (auto error = CheckFlags(row.flags, row.protocol, i)) return error;
      if ((sparse_.RowsOf(i) & SparseColumns::kLongLengths) != 0) {
        row.total_length = batch.long_lengths().total_length(next_long);
        row.network_header = batch.long_lengths().network_header_length(next_long);
        ++next_long;
      } else if (row.refers_to_long_lengths != 0) {
        return Reject(v1::BATCH_REJECTION_LENGTHS, "column shape: packet ", i,
                      " refers to long_lengths, which has no row for it");
      }
      if ((row.flags & packet_flag::kMalformed) == 0 && LengthFaults<family, uint64_t>(row) != 0) {
        return Reject(v1::BATCH_REJECTION_LENGTHS, "packet ", i, ": headers of ",
                      row.network_header, " and ", row.data_offset, " bytes in a packet of ",
                      row.total_length);
      }
    }
  }
  return std::nullopt;
}

template <Family family>
Time PacketReader::Fill(const v1::PacketBatch& batch, std::span<Packet> packets) {
  const Time base = TimeFromUnixNanos(static_cast<int64_t>(batch.base_time_unix_ns()));
  const uint32_t* const source = batch.source().data();
  const uint32_t* const destination = batch.destination().data();
  const char* const source_ipv6 = batch.source_ipv6().data();
  const char* const destination_ipv6 = batch.destination_ipv6().data();
  const uint32_t* const ports = batch.ports().data();
  const uint32_t* const time_delta = batch.time_delta_ns().data();
  const uint32_t* const kind = batch.kind().data();
  const uint32_t* const sequence = batch.sequence().data();
  const uint32_t* const acknowledgment = batch.acknowledgment().data();
  const uint32_t* const shape = batch.shape().data();
  uint32_t newest = 0;
  for (size_t i = 0; i < packets.size(); ++i) {
    const Row row = RowOf<family>(kind[i], shape[i]);
    newest = std::max(newest, time_delta[i]);
    Packet& packet = packets[i];
    packet = kNoPacket;
    packet.time = base + Duration(time_delta[i]);
    packet.family = family;
    if constexpr (family == Family::kIpv4) {
      packet.source = Ipv4Address(source[i]);
      packet.destination = Ipv4Address(destination[i]);
    } else {
      packet.source = LoadIpv6(source_ipv6 + i * kIpv6Bytes);
      packet.destination = LoadIpv6(destination_ipv6 + i * kIpv6Bytes);
    }
    packet.ports = ports[i];
    packet.total_length = row.total_length;
    packet.payload_length = PayloadOf(row);
    packet.sequence = sequence[i];
    packet.acknowledgment = acknowledgment[i];
    packet.window = static_cast<uint16_t>(shape[i]);
    packet.protocol = static_cast<uint8_t>(row.protocol);
    packet.tcp_flags = static_cast<uint8_t>(kind[i] >> 8);
    packet.flags = static_cast<uint8_t>(row.flags & ~uint32_t{kFlagSparse});
  }
  return base + Duration(newest);
}

void PacketReader::FillLongLengths(const v1::PacketBatch& batch, std::span<Packet> packets) {
  const v1::LongLengthColumns& columns = batch.long_lengths();
  for (int row = 0; row < columns.index_size(); ++row) {
    const uint32_t i = columns.index(row);
    Row lengths =
        RowOf<Family::kIpv4>(batch.kind(static_cast<int>(i)), batch.shape(static_cast<int>(i)));
    lengths.total_length = columns.total_length(row);
    lengths.network_header = columns.network_header_length(row);
    packets[i].total_length = lengths.total_length;
    packets[i].payload_length = PayloadOf(lengths);
  }
}

std::optional<BatchError> PacketReader::CheckFlags(uint32_t flags, uint32_t protocol,
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
                  protocol, malformed ? ", malformed," : "",
                  has_chunks ? " has a row" : " has no row");
  }
  return std::nullopt;
}

}  // namespace conntrack
