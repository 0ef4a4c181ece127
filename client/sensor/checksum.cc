#include "client/sensor/checksum.h"

#include <cstring>

namespace conntrack::sensor {
namespace {

template <typename Word>
Word LoadNative(const uint8_t* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

}  // namespace

uint64_t SumWords(Bytes bytes) {
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  // Carries collect in the upper halves, so 32 bits at a time are as good as 16,
  // and four sums do not wait for each other.
  uint64_t sums[4] = {};
  for (; left >= 16; left -= 16, at += 16) {
    const auto first = LoadNative<uint64_t>(at);
    const auto second = LoadNative<uint64_t>(at + 8);
    sums[0] += static_cast<uint32_t>(first);
    sums[1] += first >> 32;
    sums[2] += static_cast<uint32_t>(second);
    sums[3] += second >> 32;
  }
  uint64_t sum = sums[0] + sums[1] + sums[2] + sums[3];
  for (; left >= 2; left -= 2, at += 2) sum += LoadNative<uint16_t>(at);
  if (left == 1) {
    const uint8_t last[2] = {*at, 0};
    sum += LoadNative<uint16_t>(last);
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
  const auto field = LoadNative<uint16_t>(segment.data() + field_offset);
  if (field == FoldSum(pseudo) || field == FoldSum(PseudoHeaderSum(packet, protocol, 0))) {
    return kChecksumUnknown;
  }
  return kChecksumBad;
}

}  // namespace conntrack::sensor
