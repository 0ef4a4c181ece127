#include "client/sensor/gre.h"

namespace conntrack::sensor {
namespace {

constexpr uint32_t kCallIdOffset = 6;
constexpr uint32_t kCallIdEnd = 8;
constexpr uint8_t kVersionMask = 0x07;
constexpr uint16_t kPpp = 0x880b;

}  // namespace

ReadEnd ReadGre(Bytes captured, uint32_t length, uint32_t& ports) {
  ports = 0;
  if (length < kCallIdEnd) return ReadEnd::kRead;
  if (captured.size() < 2) return ReadEnd::kCaptureTruncated;
  if ((captured[1] & kVersionMask) != 1) return ReadEnd::kRead;
  if (captured.size() < kCallIdEnd) return ReadEnd::kCaptureTruncated;
  if (Load16(captured, 2) != kPpp) return ReadEnd::kMalformed;
  ports = Load16(captured, kCallIdOffset);
  return ReadEnd::kRead;
}

}  // namespace conntrack::sensor
