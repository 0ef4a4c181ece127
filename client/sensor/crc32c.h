// CRC32c, the checksum of SCTP (RFC 9260 appendix A).
//
// Pure. Costs one pass; ISA-L uses what the processor has for it.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"

namespace conntrack::sensor {

// A checksum that grows: Crc32c().Add(head).Add(tail).value() is that of head
// and tail behind each other.
class Crc32c {
 public:
  Crc32c& Add(Bytes bytes);

  uint32_t value() const { return ~state_; }

 private:
  uint32_t state_ = ~uint32_t{0};
};

}  // namespace conntrack::sensor
