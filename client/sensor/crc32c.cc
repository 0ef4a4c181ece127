#include "client/sensor/crc32c.h"

#include <isa-l/crc.h>

namespace conntrack::sensor {

Crc32c& Crc32c::Add(Bytes bytes) {
  // ISA-L only reads, but does not say so.
  state_ = crc32_iscsi(const_cast<uint8_t*>(bytes.data()), static_cast<int>(bytes.size()), state_);
  return *this;
}

}  // namespace conntrack::sensor
