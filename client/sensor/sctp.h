// Reads SCTP (RFC 9260): ports, tags, and which chunks a packet has. What the
// chunks mean, and which may stand together, is for the tracker to say.
//
// Pure functions over bytes from strangers. Cost: a step for each chunk, and one
// pass over the packet for the checksum when the capture has all of it.
#pragma once

#include <cstdint>

#include "client/sensor/bytes.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

// Most chunks of a packet that are reported: as many as 65,535 bytes can hold.
// A jumbogram may have more; the rest is not looked at.
inline constexpr uint16_t kSctpChunksMax = 16'384;

// Steps from chunk header to chunk header, as long as a whole one is there:
//
//   for (SctpChunks chunks(packet.sctp_chunks); chunks.Next();) use(chunks.type());
class SctpChunks {
 public:
  static constexpr size_t kHeaderBytes = 4;

  // `bytes` begin with the first chunk, and outlive this.
  explicit SctpChunks(Bytes bytes) : rest_(bytes) {}

  // Goes to the next chunk; false when there is none.
  bool Next() {
    rest_ = SkipBytes(rest_, step_);
    if (rest_.size() < kHeaderBytes) return false;
    // Padding does not count into the length (RFC 9260 3.2). A length below that
    // of the header still takes us on.
    step_ = std::max(kHeaderBytes, (size_t{length()} + 3) & ~size_t{3});
    return true;
  }

  // Of the chunk that Next went to.
  uint8_t type() const { return rest_[0]; }
  uint8_t flags() const { return rest_[1]; }
  uint16_t length() const { return Load16(rest_, 2); }

 private:
  Bytes rest_;
  size_t step_ = 0;
};

// As ParseTransportLayer, for a packet whose protocol is SCTP. Like Netfilter,
// takes a chunk whose header is there for a chunk, wherever it should end, and
// calls a packet malformed that has no chunk, a chunk of length 0, or an INIT or
// INIT ACK without its fixed part.
//
// Of a packet that the capture cut, the chunks in the capture are reported:
// control chunks stand before DATA (RFC 9260 6.10).
//
// A checksum that is wrong and 0 is unknown, not bad: virtual links leave it so,
// because the packet never was on a wire.
Discard ParseSctp(Bytes captured, uint32_t length, Checksums checksums, Packet& packet);

}  // namespace conntrack::sensor
