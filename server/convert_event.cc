#include "server/convert_event.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace conntrack {
namespace {

// Room for a range, and for the heads of the messages around all of them.
constexpr size_t kRangeRoom = 64;

void WriteChanges(const Event& event, WireWriter* out) {
  struct Bit {
    uint8_t bit;
    v1::EventChange change;
  };
  constexpr std::array<Bit, 6> kBits = {{{change::kReply, v1::EVENT_CHANGE_REPLY},
                                         {change::kAssured, v1::EVENT_CHANGE_ASSURED},
                                         {change::kState, v1::EVENT_CHANGE_STATE},
                                         {change::kMark, v1::EVENT_CHANGE_MARK},
                                         {change::kLabels, v1::EVENT_CHANGE_LABELS},
                                         {change::kTimeout, v1::EVENT_CHANGE_TIMEOUT}}};
  if (event.type != EventType::kUpdate || event.changes == 0) return;
  char* const begin = out->BeginShort(v1::Event::kChangesFieldNumber);
  for (const Bit& bit : kBits) {
    if ((event.changes & bit.bit) != 0) out->PackedNumber(bit.change);
  }
  out->EndShort(begin);
}

void WriteRange(int field, const SlotRange& range, uint64_t epoch, WireWriter* out) {
  char* const begin = out->BeginShort(field);
  out->Number(v1::SequenceRange::kSlotFieldNumber, range.slot);
  out->Number(v1::SequenceRange::kEpochFieldNumber, epoch);
  out->Number(v1::SequenceRange::kFirstSequenceFieldNumber, range.first);
  out->Number(v1::SequenceRange::kLastSequenceFieldNumber, range.last);
  out->EndShort(begin);
}

// Ranges as fields `field` of a message in field `outer` of a WatchResponse, with
// `rows_bytes` of the message to come.
grpc::Slice WriteHead(int outer, int field, const std::vector<SlotRange>& ranges, uint64_t epoch,
                      size_t rows_bytes) {
  std::string bytes(kRangeRoom * (ranges.size() + 1), 0);
  char* const first = bytes.data() + kRangeRoom;
  WireWriter out(first);
  for (const SlotRange& range : ranges) WriteRange(field, range, epoch, &out);
  const auto ranges_bytes = static_cast<size_t>(out.end() - first);
  std::array<char, kRangeRoom> head;
  WireWriter head_out(head.data());
  head_out.Head(outer, ranges_bytes + rows_bytes);
  const auto head_bytes = static_cast<size_t>(head_out.end() - head.data());
  char* const begin = std::copy_backward(head.data(), head.data() + head_bytes, first);
  return grpc::Slice(begin, head_bytes + ranges_bytes);
}

}  // namespace

void WriteEvent(const Event& event, uint32_t slot, Shown shown, const WireContext& context,
                WireWriter* out) {
  using Wire = v1::Event;
  const ConnectionRef connection = event.connection.ref();
  // The numbers of types and causes are those of the wire.
  out->Number(Wire::kTypeFieldNumber, shown == Shown::kAsLeft ? uint64_t{v1::EVENT_TYPE_LEFT}
                                                              : static_cast<uint64_t>(event.type));
  out->Number(Wire::kCauseFieldNumber, static_cast<uint64_t>(event.cause));
  WriteChanges(event, out);
  WriteTime(Wire::kTimeFieldNumber, event.time, out);
  out->Number(Wire::kSlotFieldNumber, slot);
  out->Number(Wire::kSequenceFieldNumber, event.sequence);
  char* const begin = out->BeginLong(Wire::kConnectionFieldNumber);
  WriteConnection(connection, event.now, context, out);
  out->EndLong(begin);
  if (event.has_tcp_flags) out->PresentNumber(Wire::kTcpFlagsFieldNumber, event.tcp_flags);
  if (event.type == EventType::kDestroy) {
    WriteDuration(Wire::kLifetimeFieldNumber, event.now - connection.created(), out);
  }
}

void AddEvent(int field, const Event& event, uint32_t slot, Shown shown, const WireContext& context,
              SliceWriter* rows) {
  WireWriter out(rows->Reserve(kEventRowRoom));
  char* const begin = out.BeginLong(field);
  WriteEvent(event, slot, shown, context, &out);
  out.EndLong(begin);
  rows->Commit(out.end());
}

void EventBatchWriter::Add(const Event& event, uint32_t slot, Shown shown) {
  AddEvent(v1::EventBatch::kEventsFieldNumber, event, slot, shown, context_, &rows_);
  ++events_;
}

WatchMessage EventBatchWriter::Take() {
  WatchMessage message;
  const size_t rows_bytes = rows_.size();
  const grpc::Slice head =
      WriteHead(v1::WatchResponse::kEventsFieldNumber, v1::EventBatch::kRangesFieldNumber, ranges_,
                epoch_, rows_bytes);
  message.bytes = rows_.Take(head);
  message.size = head.size() + rows_bytes;
  message.ranges = std::exchange(ranges_, {});
  message.events = std::exchange(events_, 0);
  return message;
}

WatchMessage MakeLoss(std::vector<SlotRange> ranges, uint64_t epoch) {
  WatchMessage message;
  const grpc::Slice head = WriteHead(v1::WatchResponse::kLossFieldNumber,
                                     v1::LossNotice::kRangesFieldNumber, ranges, epoch, 0);
  message.bytes = grpc::ByteBuffer(&head, 1);
  message.size = head.size();
  for (const SlotRange& range : ranges) message.lost += range.last + 1 - range.first;
  message.ranges = std::move(ranges);
  return message;
}

void SnapshotBatchWriter::Add(const ConnectionRef& connection, Time now) {
  AddConnection(v1::SnapshotBatch::kConnectionsFieldNumber, connection, now, context_, &rows_);
}

grpc::ByteBuffer SnapshotBatchWriter::Take() {
  std::array<char, kRangeRoom> head;
  WireWriter out(head.data());
  out.Head(v1::WatchResponse::kSnapshotFieldNumber, rows_.size());
  return rows_.Take(grpc::Slice(head.data(), static_cast<size_t>(out.end() - head.data())));
}

}  // namespace conntrack
