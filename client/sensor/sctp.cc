#include "client/sensor/sctp.h"

#include "client/sensor/crc32c.h"

namespace conntrack::sensor {
namespace {

constexpr uint32_t kCommonHeaderBytes = 12;
constexpr uint32_t kChecksumOffset = 8;
constexpr uint8_t kInit = 1;
constexpr uint8_t kInitAck = 2;
// An INIT or INIT ACK up to its optional parameters.
constexpr uint32_t kInitBytes = 20;

// 0, kChecksumBad or kChecksumUnknown for `packet`, of which the wire had
// `length` bytes.
uint8_t CheckSctp(Bytes packet, uint32_t length, Checksums checksums) {
  if (checksums == Checksums::kIgnore || packet.size() < length) return kChecksumUnknown;
  constexpr uint8_t kZeroField[4] = {};
  // The least significant byte comes first (RFC 9260 appendix A).
  const uint32_t sum = __builtin_bswap32(Crc32c()
                                             .Add(packet.first(kChecksumOffset))
                                             .Add(kZeroField)
                                             .Add(packet.subspan(kCommonHeaderBytes))
                                             .value());
  const uint32_t field = Load32(packet, kChecksumOffset);
  if (field == sum) return 0;
  return field == 0 ? kChecksumUnknown : kChecksumBad;
}

// Reads the initiate tag when the packet begins with an INIT or INIT ACK. These
// stand alone, so that the first chunk is the only one that can have a tag.
//
// REQUIRES: `chunks`, of which the wire had `length` bytes, has a whole header.
Discard ReadInitiateTag(Bytes chunks, uint32_t length, Packet& packet) {
  if (chunks[0] != kInit && chunks[0] != kInitAck) return Discard::kNone;
  if (length < kInitBytes) return MarkMalformed(Malformed::kSctpChunks, packet);
  if (chunks.size() < SctpChunks::kHeaderBytes + 4) return Discard::kCaptureTruncated;
  packet.acknowledgment = Load32(chunks, SctpChunks::kHeaderBytes);
  return Discard::kNone;
}

}  // namespace

Discard ParseSctp(Bytes captured, uint32_t length, Checksums checksums, Packet& packet) {
  if (length < kCommonHeaderBytes) return MarkMalformed(Malformed::kTransportTruncated, packet);
  if (captured.size() < kCommonHeaderBytes) return Discard::kCaptureTruncated;
  packet.ports = Load32(captured, 0);
  packet.sequence = Load32(captured, 4);

  const Bytes chunks = captured.subspan(kCommonHeaderBytes);
  const uint32_t chunks_length = length - kCommonHeaderBytes;
  if (chunks_length < SctpChunks::kHeaderBytes) {
    return MarkMalformed(Malformed::kSctpChunks, packet);
  }
  if (chunks.size() < SctpChunks::kHeaderBytes) return Discard::kCaptureTruncated;
  const Discard discard = ReadInitiateTag(chunks, chunks_length, packet);
  if (discard != Discard::kNone || packet.malformed != Malformed::kNone) return discard;

  uint16_t count = 0;
  for (SctpChunks walk(chunks); count < kSctpChunksMax && walk.Next(); ++count) {
    if (walk.length() == 0) return MarkMalformed(Malformed::kSctpChunks, packet);
  }
  packet.sctp_chunks = chunks;
  packet.sctp_chunk_count = count;
  packet.flags |= CheckSctp(captured, length, checksums);
  return Discard::kNone;
}

}  // namespace conntrack::sensor
