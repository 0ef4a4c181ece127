// Fuzzes what reads bytes from strangers: Decode, the reassembler, and the two
// together, as a capture would drive them.
//
// The input is a sequence of frames, each with a head of 4 bytes: link type (and
// in the first one's highest bit whether checksums are ignored), how much longer
// it was on the wire, and its length. One reassembler lives for
// the whole input, so fragments can meet.
#include <cstdint>
#include <cstdlib>

#include "client/sensor/decode.h"
#include "client/sensor/fragments.h"
#include "client/sensor/sctp.h"

namespace conntrack::sensor {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// What the batch's rules ask of every packet, whatever the bytes were.
void CheckPacket(const Packet& packet) {
  const bool malformed = packet.malformed != Malformed::kNone;
  Require(malformed == ((packet.flags & kMalformed) != 0));
  Require((packet.flags & (kSparseRow | 0x80)) == 0);
  if (!malformed) {
    Require(packet.network_header_length + packet.tcp_header_words * 4u <= packet.total_length);
  }
  Require(packet.network_header_length >= (packet.ipv6 ? 40u : 20u));
  if (!packet.ipv6) Require(packet.network_header_length <= 60);
  Require(packet.tcp_options < 0x800);
  if (packet.tcp_options != 0) Require(packet.protocol == kTcp);
  if (packet.has_quote) Require(packet.protocol == kIcmp || packet.protocol == kIcmpv6);
  Require((packet.protocol == kSctp && !malformed) == (packet.sctp_chunk_count != 0));
  Require(packet.sctp_chunk_count <= kSctpChunksMax);
  SctpChunks chunks(packet.sctp_chunks);
  for (uint16_t i = 0; i < packet.sctp_chunk_count; ++i) Require(chunks.Next());
}

class Replay {
 public:
  explicit Replay(Checksums checksums) : checksums_(checksums) {}

  void Take(const Frame& frame) {
    Decode(frame, checksums_, decoded_);
    switch (decoded_.kind) {
      case Decoded::Kind::kPacket:
        CheckPacket(decoded_.packet);
        return;
      case Decoded::Kind::kDiscarded:
        Require(decoded_.discard != Discard::kNone);
        return;
      case Decoded::Kind::kFragment:
        break;
    }
    ++fragments_;
    if (reassembler_.Add(decoded_.fragment, decoded_.packet) != Reassembler::Outcome::kComplete) {
      return;
    }
    completed_ += reassembler_.payload_fragments();
    const Discard discard = DecodeReassembled(reassembler_.payload(), reassembler_.payload_length(),
                                              checksums_, decoded_.packet);
    if (discard == Discard::kNone) CheckPacket(decoded_.packet);
  }

  void Finish() {
    reassembler_.ExpireAll();
    uint64_t dropped = 0;
    for (const uint64_t drops : reassembler_.drops()) dropped += drops;
    Require(fragments_ == completed_ + dropped);
    Require(reassembler_.held_bytes() == 0 && reassembler_.held_fragments() == 0);
  }

 private:
  const Checksums checksums_;
  Decoded decoded_{};
  Reassembler reassembler_{
      ReassemblyLimits{.datagrams_max = 4, .fragments_per_datagram_max = 8, .bytes_max = 4'096}};
  uint64_t fragments_ = 0;
  uint64_t completed_ = 0;
};

}  // namespace
}  // namespace conntrack::sensor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace conntrack::sensor;
  constexpr size_t kHeadBytes = 4;
  Bytes rest(bytes, size);
  const bool ignore = !rest.empty() && (rest[0] & 0x80) != 0;
  Replay replay(ignore ? Checksums::kIgnore : Checksums::kVerify);
  for (uint64_t time_unix_ns = 0; rest.size() >= kHeadBytes; time_unix_ns += 5'000'000'000) {
    const auto link_type = static_cast<LinkType>((rest[0] & 0x7f) % kLinkTypes);
    const uint32_t longer = rest[1];
    const size_t length = Load16(rest, 2);
    rest = rest.subspan(kHeadBytes);
    const Bytes captured = FirstBytes(rest, length);
    replay.Take(
        Frame{link_type, time_unix_ns, captured, static_cast<uint32_t>(captured.size()) + longer});
    rest = SkipBytes(rest, length);
  }
  replay.Finish();
  return 0;
}
