#include "tests/differential/decoded_packet.h"

#include <memory>
#include <vector>

#include "client/sensor/decode.h"
#include "server/tracker/check.h"

namespace conntrack {

const Packet* DecodedPackets::Take(const sensor::Frame& frame) {
  sensor::Decode(frame, sensor::Checksums::kVerify, decoded_);
  reassembler_.Expire(frame.time_unix_ns);
  if (decoded_.kind == sensor::Decoded::Kind::kDiscarded) return nullptr;
  if (decoded_.kind == sensor::Decoded::Kind::kFragment) {
    if (reassembler_.Add(decoded_.fragment, decoded_.packet) !=
        sensor::Reassembler::Outcome::kComplete) {
      return nullptr;
    }
    const sensor::Discard discard =
        sensor::DecodeReassembled(reassembler_.payload(), reassembler_.payload_length(),
                                  sensor::Checksums::kVerify, decoded_.packet);
    if (discard != sensor::Discard::kNone) return nullptr;
  }
  builder_.Append(decoded_.packet);
  const v1::PacketBatch batch = builder_.Take();
  reader_.Clear();
  const std::optional<BatchError> error = reader_.Append(batch, 1);
  CT_CHECK(!error.has_value());
  return &reader_.packets().front();
}

std::optional<Packet> DecodedPackets::Make(const PacketSpec& spec, const Endpoints& endpoints,
                                           Time time) {
  const std::vector<uint8_t> bytes = BuildPacket(spec, endpoints, 0);
  const sensor::Frame frame{sensor::LinkType::kRawIp, static_cast<uint64_t>(UnixNanos(time)),
                            sensor::Bytes(bytes.data(), bytes.size()),
                            static_cast<uint32_t>(bytes.size())};
  const Packet* packet = Take(frame);
  if (packet == nullptr) return std::nullopt;
  return *packet;
}

PacketSource DecodedPacketSource() {
  const auto packets = std::make_shared<DecodedPackets>();
  return [packets](const PacketSpec& spec, const Endpoints& endpoints, Time time, PacketParts*) {
    return packets->Make(spec, endpoints, time);
  };
}

}  // namespace conntrack
