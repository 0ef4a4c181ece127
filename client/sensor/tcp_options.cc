#include "client/sensor/tcp_options.h"

namespace conntrack::sensor {
namespace {

constexpr uint8_t kEnd = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kWindowScale = 3;
constexpr uint8_t kSackPermittedKind = 4;
constexpr uint8_t kSack = 5;

// `a` comes after `b` in sequence space.
bool After(uint32_t a, uint32_t b) { return static_cast<int32_t>(b - a) < 0; }

// The highest right edge in `blocks`, when it lies after the acknowledgement.
void ReadSackBlocks(Bytes blocks, Packet& packet) {
  uint32_t edge = packet.acknowledgment;
  for (size_t at = 0; at + 8 <= blocks.size(); at += 8) {
    const uint32_t right = Load32(blocks, at + 4);
    if (After(right, edge)) edge = right;
  }
  if (edge == packet.acknowledgment) return;
  packet.sack_edge = edge;
  packet.tcp_options |= kSackEdgePresent;
}

}  // namespace

void ParseTcpOptions(Bytes options, Packet& packet) {
  // No-operation twice and a timestamp.
  if (options.size() == 12 && Load32(options, 0) == 0x0101080a) return;
  bool sack_seen = false;
  for (size_t at = 0; at < options.size();) {
    const uint8_t kind = options[at];
    if (kind == kEnd) return;
    if (kind == kNoOperation) {
      ++at;
      continue;
    }
    if (at + 2 > options.size()) return;
    const size_t length = options[at + 1];
    if (length < 2 || at + length > options.size()) return;
    const Bytes value = options.subspan(at + 2, length - 2);
    if (kind == kWindowScale && length == 3) {
      packet.tcp_options = (packet.tcp_options & ~0xffu) | kWindowScalePresent | value[0];
    } else if (kind == kSackPermittedKind && length == 2) {
      packet.tcp_options |= kSackPermitted;
    } else if (kind == kSack && length >= 10 && value.size() % 8 == 0 && !sack_seen) {
      sack_seen = true;
      ReadSackBlocks(value, packet);
    }
    at += length;
  }
}

}  // namespace conntrack::sensor
