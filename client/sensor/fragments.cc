#include "client/sensor/fragments.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace conntrack::sensor {
namespace {

constexpr uint32_t kDatagramBytesMax = 65'535;

// What a piece occupies besides its bytes.
constexpr size_t kPieceOverheadBytes = 64;

}  // namespace

Reassembler::Outcome Reassembler::DropFragment(Discard reason) {
  ++drops_[static_cast<size_t>(reason)];
  return Outcome::kDropped;
}

void Reassembler::Forget(Datagrams::iterator datagram) {
  for (const Piece& piece : datagram->pieces) {
    held_bytes_ -= piece.bytes.size() + kPieceOverheadBytes;
  }
  held_fragments_ -= datagram->pieces.size();
  datagrams_.erase(datagram->key);
  Order(datagram->key.ipv6).erase(datagram);
}

Reassembler::Outcome Reassembler::DropDatagram(Datagrams::iterator datagram, Discard reason) {
  drops_[static_cast<size_t>(reason)] += datagram->pieces.size();
  Forget(datagram);
  return DropFragment(reason);
}

Reassembler::Datagrams::iterator Reassembler::FindOrStart(const Fragment& fragment,
                                                          const Packet& packet, bool* full) {
  const Key key{packet.source, packet.destination, fragment.id,
                packet.ipv6 ? uint8_t{0} : fragment.protocol, packet.ipv6};
  if (auto found = datagrams_.find(key); found != datagrams_.end()) return found->second;
  Datagrams& order = Order(packet.ipv6);
  *full = datagrams_.size() >= limits_.datagrams_max;
  if (*full) return order.end();
  order.push_back(Datagram{key, packet.time_unix_ns, Packet{}, 0, 0, {}});
  const auto added = std::prev(order.end());
  datagrams_.emplace(key, added);
  return added;
}

Reassembler::Outcome Reassembler::Add(const Fragment& fragment, Packet& packet) {
  Expire(packet.time_unix_ns);
  // Linux takes the whole units of an IPv4 fragment, and refuses that of IPv6.
  const bool misaligned = fragment.more && fragment.length % 8 != 0;
  const uint32_t length = misaligned ? fragment.length & ~7u : fragment.length;
  if (length == 0 || (misaligned && packet.ipv6)) {
    return DropFragment(Discard::kFragmentMisaligned);
  }
  const Bytes captured = FirstBytes(fragment.captured, length);
  const uint64_t end = uint64_t{fragment.offset} + length;
  // IPv4 counts its header into the 65,535 bytes, IPv6 only extension headers.
  const uint32_t headers = packet.network_header_length - (packet.ipv6 ? 40 : 0);
  if (end + headers > kDatagramBytesMax) return DropFragment(Discard::kFragmentTooLong);
  const size_t cost = captured.size() + kPieceOverheadBytes;
  if (held_bytes_ + cost > limits_.bytes_max) return DropFragment(Discard::kFragmentMemory);
  bool full = false;
  const auto datagram = FindOrStart(fragment, packet, &full);
  if (full) return DropFragment(Discard::kFragmentMemory);

  std::vector<Piece>& pieces = datagram->pieces;
  const auto next =
      std::upper_bound(pieces.begin(), pieces.end(), fragment.offset,
                       [](uint32_t offset, const Piece& piece) { return offset < piece.offset; });
  if (next != pieces.begin() && std::prev(next)->end() > fragment.offset) {
    if (end <= std::prev(next)->end()) return DropFragment(Discard::kFragmentDuplicate);
    return DropDatagram(datagram, Discard::kFragmentOverlap);
  }
  if (next != pieces.end() && end > next->offset) {
    return DropDatagram(datagram, Discard::kFragmentOverlap);
  }
  // Two ends, or bytes beyond the end, are an overlap with nothing.
  const bool beyond = datagram->length != 0 && end > datagram->length;
  const bool before = !fragment.more && next != pieces.end();
  if (beyond || before || (!fragment.more && datagram->length != 0)) {
    return DropDatagram(datagram, Discard::kFragmentOverlap);
  }
  if (pieces.size() >= limits_.fragments_per_datagram_max) {
    return DropDatagram(datagram, Discard::kFragmentMemory);
  }

  pieces.insert(next, Piece{fragment.offset, length, {captured.begin(), captured.end()}});
  held_bytes_ += cost;
  ++held_fragments_;
  datagram->received += length;
  if (!fragment.more) datagram->length = static_cast<uint32_t>(end);
  if (fragment.offset == 0) {
    datagram->first = packet;
    datagram->first.protocol = fragment.protocol;
  }
  if (datagram->length == 0 || datagram->received != datagram->length) return Outcome::kHeld;
  Complete(*datagram, packet);
  Forget(datagram);
  return Outcome::kComplete;
}

// Pieces that do not overlap and add up to the length leave no hole.
void Reassembler::Complete(const Datagram& datagram, Packet& packet) {
  const uint64_t time_unix_ns = packet.time_unix_ns;
  packet = datagram.first;
  packet.time_unix_ns = time_unix_ns;
  payload_.clear();
  for (const Piece& piece : datagram.pieces) {
    payload_.insert(payload_.end(), piece.bytes.begin(), piece.bytes.end());
    if (piece.bytes.size() < piece.length) break;
  }
  payload_length_ = datagram.length;
  payload_fragments_ = datagram.pieces.size();
}

void Reassembler::Expire(uint64_t now_unix_ns) {
  const auto expire = [&](Datagrams& order, uint64_t timeout_ns) {
    while (!order.empty() && now_unix_ns >= order.front().start_unix_ns + timeout_ns) {
      const auto oldest = order.begin();
      drops_[static_cast<size_t>(Discard::kFragmentTimeout)] += oldest->pieces.size();
      Forget(oldest);
    }
  };
  expire(ipv4_order_, limits_.ipv4_timeout_ns);
  expire(ipv6_order_, limits_.ipv6_timeout_ns);
}

void Reassembler::ExpireAll() {
  while (!ipv4_order_.empty() || !ipv6_order_.empty()) {
    const auto oldest = ipv4_order_.empty() ? ipv6_order_.begin() : ipv4_order_.begin();
    drops_[static_cast<size_t>(Discard::kFragmentTimeout)] += oldest->pieces.size();
    Forget(oldest);
  }
}

}  // namespace conntrack::sensor
