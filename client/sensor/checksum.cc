#include "client/sensor/checksum.h"

#include <cstring>

namespace conntrack::sensor {
namespace {

uint64_t Load32Native(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

}  // namespace

uint64_t SumWords(Bytes bytes) {
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  // Carries collect in the upper half, so 32 bits at a time are as good as 16.
  uint64_t sum = 0;
  for (; left >= 4; left -= 4, at += 4) sum += Load32Native(at);
  if (left >= 2) {
    uint16_t word;
    std::memcpy(&word, at, sizeof(word));
    sum += word;
    at += 2;
    left -= 2;
  }
  if (left == 1) {
    const uint8_t last[2] = {*at, 0};
    uint16_t word;
    std::memcpy(&word, last, sizeof(word));
    sum += word;
  }
  return sum;
}

uint16_t FoldSum(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

bool ChecksumHolds(uint64_t sum) { return FoldSum(sum) == 0xffff; }

uint64_t PseudoHeaderSum(const Packet& packet, uint8_t protocol, uint32_t length) {
  const size_t address_bytes = packet.ipv6 ? 16 : 4;
  uint64_t sum = SumWords(Bytes(packet.source).first(address_bytes)) +
                 SumWords(Bytes(packet.destination).first(address_bytes));
  // Swapping is its own inverse: these bring the values into network order.
  sum += SwapFromNetwork32(length);
  sum += SwapFromNetwork16(protocol);
  return sum;
}

uint8_t CheckSegment(const Packet& packet, uint8_t protocol, Bytes segment, uint32_t field_offset) {
  const uint32_t length = static_cast<uint32_t>(segment.size());
  const uint64_t pseudo = PseudoHeaderSum(packet, protocol, length);
  if (ChecksumHolds(pseudo + SumWords(segment))) return 0;
  uint16_t field;
  std::memcpy(&field, segment.data() + field_offset, sizeof(field));
  if (field == FoldSum(pseudo) || field == FoldSum(PseudoHeaderSum(packet, protocol, 0))) {
    return kChecksumUnknown;
  }
  return kChecksumBad;
}

}  // namespace conntrack::sensor
