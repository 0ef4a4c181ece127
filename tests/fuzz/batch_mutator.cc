// Mutates batches as batches, so that the fuzzer gets past the reader: bytes
// changed at random almost always break a rule, and the tracker would see
// nothing. Three mutations of four end with a batch that keeps the rules; the
// others try them.
//
// Linked with libFuzzer only, which calls the functions at the end.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "conntrack/v1/packet_batch.pb.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* bytes, size_t size, size_t size_max);

namespace conntrack {
namespace {

using Column = google::protobuf::RepeatedField<uint32_t>;
using Random = std::minstd_rand;

constexpr uint32_t kTcp = 6;
constexpr uint32_t kSctp = 132;
constexpr uint32_t kMalformed = 0x10u << 24;
constexpr uint32_t kSparse = 0x40u << 24;
constexpr uint32_t kReserved = 0x80u << 24;

// One word a packet.
std::vector<Column*> FixedColumns(v1::PacketBatch& batch) {
  std::vector<Column*> columns = {batch.mutable_ports(),          batch.mutable_time_delta_ns(),
                                  batch.mutable_kind(),           batch.mutable_sequence(),
                                  batch.mutable_acknowledgment(), batch.mutable_shape()};
  if (batch.layout() != v1::PACKET_LAYOUT_IPV6) {
    columns.push_back(batch.mutable_source());
    columns.push_back(batch.mutable_destination());
  }
  return columns;
}

std::vector<Column*> IndexColumns(v1::PacketBatch& batch) {
  return {batch.mutable_long_lengths()->mutable_index(), batch.mutable_malformed()->mutable_index(),
          batch.mutable_tcp_options()->mutable_index(),
          batch.mutable_icmp_errors()->mutable_index(),
          batch.mutable_sctp_chunks()->mutable_index()};
}

std::vector<Column*> AllColumns(v1::PacketBatch& batch) {
  std::vector<Column*> columns = FixedColumns(batch);
  for (Column* column : IndexColumns(batch)) columns.push_back(column);
  columns.push_back(batch.mutable_long_lengths()->mutable_total_length());
  columns.push_back(batch.mutable_long_lengths()->mutable_network_header_length());
  columns.push_back(batch.mutable_tcp_options()->mutable_options());
  columns.push_back(batch.mutable_tcp_options()->mutable_sack_edge());
  columns.push_back(batch.mutable_icmp_errors()->mutable_ports());
  columns.push_back(batch.mutable_icmp_errors()->mutable_protocol());
  columns.push_back(batch.mutable_sctp_chunks()->mutable_chunk());
  return columns;
}

void Resize(int size, Column* column) { column->Resize(size, 0); }

// One packet twice; of its sparse rows, none.
void RepeatPacket(v1::PacketBatch& batch, Random& random) {
  if (batch.kind_size() == 0) return;
  const int from = static_cast<int>(random() % static_cast<uint32_t>(batch.kind_size()));
  for (Column* column : FixedColumns(batch)) {
    if (from < column->size()) column->Add(column->Get(from));
  }
}

// A row more in one of the sparse columns.
void AddRow(v1::PacketBatch& batch, Random& random) {
  std::vector<Column*> columns = IndexColumns(batch);
  columns[random() % columns.size()]->Add(
      static_cast<uint32_t>(random() % static_cast<uint32_t>(batch.kind_size() + 1)));
}

void ChangeColumn(v1::PacketBatch& batch, Random& random) {
  std::vector<Column*> columns = AllColumns(batch);
  Column& column = *columns[random() % columns.size()];
  if (column.empty()) return;
  const size_t size = static_cast<size_t>(column.size()) * sizeof(uint32_t);
  LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(column.mutable_data()), size, size);
}

// A packet's protocol and TCP flags, or ports, of another packet: what makes two
// packets meet in a connection.
void CopyWithinColumn(v1::PacketBatch& batch, Random& random) {
  std::vector<Column*> columns = FixedColumns(batch);
  Column& column = *columns[random() % columns.size()];
  if (column.empty()) return;
  const auto pick = [&] {
    return static_cast<int>(random() % static_cast<uint32_t>(column.size()));
  };
  column.Set(pick(), column.Get(pick()));
}

// Turns a packet round: the reply to itself.
void Reply(v1::PacketBatch& batch, Random& random) {
  const int count = std::min({batch.ports_size(), batch.source_size(), batch.destination_size()});
  if (count == 0) return;
  const int i = static_cast<int>(random() % static_cast<uint32_t>(count));
  const uint32_t source = batch.source(i);
  batch.set_source(i, batch.destination(i));
  batch.set_destination(i, source);
  batch.set_ports(i, batch.ports(i) << 16 | batch.ports(i) >> 16);
}

// Indexes within the batch and in order; each once unless `many`. Returns how
// many there are.
int MendIndex(uint32_t count, bool many, Column* index) {
  for (uint32_t& value : *index) value %= count;
  std::sort(index->begin(), index->end());
  if (!many) {
    index->Truncate(static_cast<int>(std::unique(index->begin(), index->end()) - index->begin()));
  }
  return index->size();
}

void MendSparse(uint32_t count, v1::PacketBatch& batch) {
  const bool ipv6 = batch.layout() == v1::PACKET_LAYOUT_IPV6;
  v1::LongLengthColumns& lengths = *batch.mutable_long_lengths();
  int rows = MendIndex(count, false, lengths.mutable_index());
  Resize(rows, lengths.mutable_total_length());
  Resize(rows, lengths.mutable_network_header_length());
  for (int i = 0; i < rows; ++i) {
    lengths.set_network_header_length(i, 40 + lengths.network_header_length(i) % 1'024);
    lengths.set_total_length(i, lengths.total_length(i) | 0x10000);
  }
  v1::TcpOptionColumns& options = *batch.mutable_tcp_options();
  rows = MendIndex(count, false, options.mutable_index());
  Resize(rows, options.mutable_options());
  Resize(rows, options.mutable_sack_edge());
  for (uint32_t& value : *options.mutable_options()) value &= 0x7ff;
  v1::IcmpErrorColumns& errors = *batch.mutable_icmp_errors();
  rows = MendIndex(count, false, errors.mutable_index());
  Resize(rows, errors.mutable_ports());
  Resize(rows, errors.mutable_protocol());
  Resize(ipv6 ? 0 : rows, errors.mutable_source());
  Resize(ipv6 ? 0 : rows, errors.mutable_destination());
  errors.mutable_source_ipv6()->resize(ipv6 ? static_cast<size_t>(rows) * 16 : 0);
  errors.mutable_destination_ipv6()->resize(ipv6 ? static_cast<size_t>(rows) * 16 : 0);
  for (uint32_t& value : *errors.mutable_protocol()) value &= 0xff;
  v1::MalformedColumns& malformed = *batch.mutable_malformed();
  rows = MendIndex(count, false, malformed.mutable_index());
  malformed.mutable_reason()->Resize(rows, v1::INVALID_REASON_FRAGMENT);
  constexpr v1::InvalidReason kReasons[] = {
      v1::INVALID_REASON_FRAGMENT, v1::INVALID_REASON_TRANSPORT_TRUNCATED,
      v1::INVALID_REASON_SCTP_CHUNKS, v1::INVALID_REASON_GRE_VERSION};
  for (int& value : *malformed.mutable_reason()) value = kReasons[static_cast<uint32_t>(value) % 4];
}

// Chunks for all SCTP packets that are not malformed and for no other: of its
// rows, or a COOKIE ECHO.
void MendChunks(uint32_t count, v1::PacketBatch& batch) {
  v1::SctpChunkColumns& chunks = *batch.mutable_sctp_chunks();
  Resize(MendIndex(count, true, chunks.mutable_index()), chunks.mutable_chunk());
  v1::SctpChunkColumns mended;
  int row = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const bool malformed = (batch.shape(static_cast<int>(i)) & kMalformed) != 0;
    const bool wanted = (batch.kind(static_cast<int>(i)) & 0xff) == kSctp && !malformed;
    const int rows_before = mended.index_size();
    for (; row < chunks.index_size() && chunks.index(row) == i; ++row) {
      if (!wanted) continue;
      mended.add_index(i);
      mended.add_chunk(chunks.chunk(row) & 0xffff);
    }
    if (!wanted || mended.index_size() != rows_before) continue;
    mended.add_index(i);
    mended.add_chunk(10);
  }
  chunks.Swap(&mended);
}

void MendLengths(v1::PacketBatch& batch, int i) {
  const bool ipv6 = batch.layout() == v1::PACKET_LAYOUT_IPV6;
  uint32_t shape = batch.shape(i) & ~0x00ff0000u;
  uint32_t header = 40;
  if (!ipv6) {
    header = 20;
    shape |= 5u << 16;
  }
  if ((batch.kind(i) & 0xff) == kTcp) {
    header += 20;
    shape |= 5u << 20;
  }
  const uint32_t total = std::max(batch.kind(i) >> 16, header);
  batch.set_kind(i, (batch.kind(i) & 0xffff) | total << 16);
  batch.set_shape(i, shape);
}

// Makes a batch that the reader accepts.
void Mend(v1::PacketBatch& batch) {
  if (batch.layout() != v1::PACKET_LAYOUT_IPV6) batch.set_layout(v1::PACKET_LAYOUT_IPV4);
  const bool ipv6 = batch.layout() == v1::PACKET_LAYOUT_IPV6;
  const int rows = std::max(1, std::min(batch.kind_size(), 4'096));
  const auto count = static_cast<uint32_t>(rows);
  batch.set_base_time_unix_ns(batch.base_time_unix_ns() & ~(uint64_t{3} << 62));
  for (Column* column : FixedColumns(batch)) Resize(rows, column);
  if (ipv6) {
    batch.clear_source();
    batch.clear_destination();
  }
  batch.mutable_source_ipv6()->resize(ipv6 ? size_t{count} * 16 : 0);
  batch.mutable_destination_ipv6()->resize(ipv6 ? size_t{count} * 16 : 0);
  MendSparse(count, batch);
  for (uint32_t& shape : *batch.mutable_shape()) shape &= ~(kReserved | kSparse | kMalformed);
  for (const uint32_t i : batch.malformed().index()) {
    batch.set_shape(static_cast<int>(i), batch.shape(static_cast<int>(i)) | kMalformed);
  }
  MendChunks(count, batch);
  for (int i = 0; i < rows; ++i) MendLengths(batch, i);
  for (const Column* index : IndexColumns(batch)) {
    for (const uint32_t i : *index) {
      batch.set_shape(static_cast<int>(i), batch.shape(static_cast<int>(i)) | kSparse);
    }
  }
}

// Writes the batch over `bytes`; 0 when it does not fit.
size_t Write(const v1::PacketBatch& batch, uint8_t* bytes, size_t size_max) {
  const std::string text = batch.SerializeAsString();
  if (text.size() > size_max) return 0;
  std::copy(text.begin(), text.end(), bytes);
  return text.size();
}

}  // namespace
}  // namespace conntrack

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* bytes, size_t size, size_t size_max,
                                          unsigned seed) {
  using namespace conntrack;
  Random random(seed);
  v1::PacketBatch batch;
  if (random() % 8 == 0 || !batch.ParseFromArray(bytes, static_cast<int>(size))) {
    return LLVMFuzzerMutate(bytes, size, size_max);
  }
  using Mutation = void (*)(v1::PacketBatch&, Random&);
  constexpr Mutation kMutations[] = {RepeatPacket, AddRow,           ChangeColumn,
                                     ChangeColumn, CopyWithinColumn, Reply};
  for (auto left = 1 + random() % 3; left > 0; --left) {
    kMutations[random() % std::size(kMutations)](batch, random);
  }
  if (random() % 4 != 0) Mend(batch);
  const size_t written = Write(batch, bytes, size_max);
  return written != 0 ? written : LLVMFuzzerMutate(bytes, size, size_max);
}

// The packets of one batch behind those of the other, in one family.
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* bytes, size_t size,
                                            const uint8_t* other_bytes, size_t other_size,
                                            uint8_t* made, size_t made_max, unsigned) {
  using namespace conntrack;
  v1::PacketBatch batch;
  v1::PacketBatch other;
  if (!batch.ParseFromArray(bytes, static_cast<int>(size)) ||
      !other.ParseFromArray(other_bytes, static_cast<int>(other_size))) {
    return 0;
  }
  const auto count = static_cast<uint32_t>(batch.kind_size());
  other.set_layout(batch.layout());
  for (Column* index : IndexColumns(other)) {
    for (uint32_t& value : *index) value += count;
  }
  batch.MergeFrom(other);
  Mend(batch);
  return Write(batch, made, made_max);
}
