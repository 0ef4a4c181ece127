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
  order.push_back(Datagram{key, packet.time_unix_ns, Packet{}, 0, false, 0, {}});
  const auto added = std::prev(order.end());
  datagrams_.emplace(key, added);
  return added;
}

// Whether the datagram can end where this fragment says, or goes on behind it;
// notes what it says, also when the fragment brings nothing else, as Linux does.
bool Reassembler::FitsEnd(const Fragment& fragment, uint32_t end, Datagram* datagram) {
  if (!fragment.more) {
    if (end < datagram->end || (datagram->has_last && end != datagram->end)) return false;
    datagram->has_last = true;
  } else if (end > datagram->end && datagram->has_last) {
    return false;
  }
  datagram->end = std::max(datagram->end, end);
  return true;
}

// Where the run of pieces ends that `piece` belongs to. Pieces that came in order
// are one to Linux: what lies within them brings nothing new, and what lies
// within two others overlaps both.
uint32_t Reassembler::RunEnd(const Datagram& datagram, std::vector<Piece>::const_iterator piece) {
  while (std::next(piece) != datagram.pieces.end() && std::next(piece)->continues) ++piece;
  return piece->end();
}

Reassembler::Outcome Reassembler::Add(const Fragment& fragment, Packet& packet) {
  Expire(packet.time_unix_ns);
  // Linux takes the whole units of a fragment.
  const uint32_t length = fragment.more ? fragment.length & ~7u : fragment.length;
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

  // Two ends, or bytes beyond the end, are an overlap with nothing. Linux gives up
  // an IPv4 datagram for that and for an empty fragment, of IPv6 the fragment.
  const auto refuse = [&](Discard reason) {
    return packet.ipv6 ? DropFragment(reason) : DropDatagram(datagram, reason);
  };
  if (!FitsEnd(fragment, static_cast<uint32_t>(end), &*datagram)) {
    return refuse(Discard::kFragmentOverlap);
  }
  if (length == 0) return refuse(Discard::kFragmentMisaligned);
  std::vector<Piece>& pieces = datagram->pieces;
  const auto next =
      std::upper_bound(pieces.begin(), pieces.end(), fragment.offset,
                       [](uint32_t offset, const Piece& piece) { return offset < piece.offset; });
  if (next != pieces.begin() && std::prev(next)->end() > fragment.offset) {
    if (end <= RunEnd(*datagram, std::prev(next))) {
      return DropFragment(Discard::kFragmentDuplicate);
    }
    return DropDatagram(datagram, Discard::kFragmentOverlap);
  }
  if (next != pieces.end() && end > next->offset) {
    return DropDatagram(datagram, Discard::kFragmentOverlap);
  }
  if (pieces.size() >= limits_.fragments_per_datagram_max) {
    return DropDatagram(datagram, Discard::kFragmentMemory);
  }

  const bool continues =
      next == pieces.end() && next != pieces.begin() && std::prev(next)->end() == fragment.offset;
  pieces.insert(next,
                Piece{fragment.offset, length, continues, {captured.begin(), captured.end()}});
  held_bytes_ += cost;
  ++held_fragments_;
  datagram->received += length;
  if (fragment.offset == 0) {
    datagram->first = packet;
    datagram->first.protocol = fragment.protocol;
  }
  if (!datagram->has_last || datagram->received != datagram->end) return Outcome::kHeld;
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
  payload_length_ = datagram.end;
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
