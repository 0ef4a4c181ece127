#include "tests/differential/kernel_copy.h"

#include <cstring>
#include <optional>

#include "client/sensor/bytes.h"
#include "client/sensor/checksum.h"
#include "client/sensor/network_layer.h"

namespace conntrack {
namespace {

using sensor::Bytes;

void Store16(uint16_t value, size_t offset, std::vector<uint8_t>* bytes) {
  (*bytes)[offset] = static_cast<uint8_t>(value >> 8);
  (*bytes)[offset + 1] = static_cast<uint8_t>(value);
}

// Writes the checksum of `sum`, which is that of everything but the field.
void StoreChecksum(uint64_t sum, size_t offset, std::vector<uint8_t>* bytes) {
  const auto checksum = static_cast<uint16_t>(~sensor::FoldSum(sum));
  std::memcpy(bytes->data() + offset, &checksum, sizeof(checksum));
}

// Where things stand on the wire. The decoder's lengths are those of a datagram
// that was put together, which has no fragment header any more.
struct Shape {
  uint32_t total_length;
  uint32_t header_length;
};

Shape ShapeOf(const sensor::Packet& packet, Bytes bytes) {
  if (!packet.ipv6) return {packet.total_length, packet.network_header_length};
  const Bytes payload = bytes.subspan(40);
  const uint32_t length = sensor::Load16(bytes, 4);
  const sensor::Ipv6Chain chain =
      sensor::FollowIpv6Chain(bytes[6], payload, length, sensor::Reassembly::kBefore);
  return {40 + length, 40 + chain.length};
}

void CompleteHeader(const sensor::Packet& packet, KernelCopy* copy) {
  std::vector<uint8_t>& bytes = copy->packet.bytes;
  if (sensor::Load16(bytes, 2) == 0) {
    Store16(static_cast<uint16_t>(packet.total_length), 2, &bytes);
    copy->completed.set(static_cast<size_t>(Completion::kTotalLength));
  }
  const Bytes header = Bytes(bytes).first(packet.network_header_length);
  if (sensor::ChecksumHolds(sensor::SumWords(header))) return;
  if (!copy->completed.any()) copy->completed.set(static_cast<size_t>(Completion::kHeaderChecksum));
  Store16(0, 10, &bytes);
  StoreChecksum(sensor::SumWords(header), 10, &bytes);
}

// Where the checksum stands in a transport header that has one for the whole
// segment.
std::optional<size_t> ChecksumOffset(uint8_t protocol) {
  switch (protocol) {
    case sensor::kTcp:
      return 16;
    case sensor::kUdp:
      return 6;
    case sensor::kIcmp:
    case sensor::kIcmpv6:
      return 2;
    default:
      return std::nullopt;
  }
}

void CompleteTransport(const sensor::Packet& packet, size_t begin, KernelCopy* copy) {
  const std::optional<size_t> field = ChecksumOffset(packet.protocol);
  if ((packet.flags & sensor::kChecksumUnknown) == 0 || !field.has_value()) return;
  std::vector<uint8_t>& bytes = copy->packet.bytes;
  const Bytes segment = Bytes(bytes).subspan(begin);
  Store16(0, begin + *field, &bytes);
  uint64_t sum = sensor::SumWords(segment);
  if (packet.protocol != sensor::kIcmp) {
    sum += sensor::PseudoHeaderSum(packet, packet.protocol, static_cast<uint32_t>(segment.size()));
  }
  StoreChecksum(sum, begin + *field, &bytes);
  // RFC 768: 0 stands for none.
  if (sensor::Load16(bytes, begin + *field) == 0) Store16(0xffff, begin + *field, &bytes);
  copy->completed.set(static_cast<size_t>(Completion::kTransportChecksum));
}

void Mark(const sensor::Decoded& decoded, uint16_t tag, WirePacket* packet) {
  std::vector<uint8_t>& bytes = packet->bytes;
  const bool fragment = decoded.kind == sensor::Decoded::Kind::kFragment;
  packet->tag = fragment ? static_cast<uint16_t>(decoded.fragment.id) : tag;
  if (decoded.packet.ipv6) {
    Store16(packet->tag, 2, &bytes);
  } else if (!fragment) {
    Store16(tag, 4, &bytes);
    Store16(0, 10, &bytes);
    StoreChecksum(sensor::SumWords(Bytes(bytes).first(decoded.packet.network_header_length)), 10,
                  &bytes);
  }
}

}  // namespace

KernelCopy CopyForKernel(const sensor::Decoded& decoded, Bytes captured, uint16_t tag) {
  const sensor::Packet& packet = decoded.packet;
  KernelCopy copy;
  copy.packet.family = packet.ipv6 ? Family::kIpv6 : Family::kIpv4;
  const Shape shape = ShapeOf(packet, captured);
  const Bytes present = sensor::FirstBytes(captured, shape.total_length);
  copy.packet.bytes.assign(present.begin(), present.end());
  if (present.size() < shape.total_length) {
    copy.packet.bytes.resize(shape.total_length);
    copy.completed.set(static_cast<size_t>(Completion::kPayload));
  }
  if (!packet.ipv6) CompleteHeader(packet, &copy);
  if (decoded.kind == sensor::Decoded::Kind::kPacket)
    CompleteTransport(packet, shape.header_length, &copy);
  Mark(decoded, tag, &copy.packet);
  return copy;
}

}  // namespace conntrack
