#include "tests/differential/decoded_packet.h"

#include <memory>
#include <vector>

#include "client/sensor/decode.h"
#include "server/tracker/check.h"

namespace conntrack {

std::optional<Packet> DecodedPackets::Make(const PacketSpec& spec, const Endpoints& endpoints,
                                           Time time) {
  const std::vector<uint8_t> bytes = BuildPacket(spec, endpoints, 0);
  const sensor::Frame frame{sensor::LinkType::kRawIp, static_cast<uint64_t>(UnixNanos(time)),
                            sensor::Bytes(bytes.data(), bytes.size()),
                            static_cast<uint32_t>(bytes.size())};
  sensor::Decoded decoded;
  sensor::Decode(frame, sensor::Checksums::kVerify, decoded);
  if (decoded.kind != sensor::Decoded::Kind::kPacket) return std::nullopt;
  builder_.Append(decoded.packet);
  const v1::PacketBatch batch = builder_.Take();
  const std::optional<BatchError> error = reader_.Read(batch, 1);
  CT_CHECK(!error.has_value());
  return reader_.packets().front();
}

PacketSource DecodedPacketSource() {
  const auto packets = std::make_shared<DecodedPackets>();
  return [packets](const PacketSpec& spec, const Endpoints& endpoints, Time time, PacketParts*) {
    return packets->Make(spec, endpoints, time);
  };
}

}  // namespace conntrack
