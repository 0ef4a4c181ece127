// Reassembler puts datagrams back together from their IP fragments, so that one
// datagram is one packet with one length and readable ports, as Netfilter sees
// it.
//
// It is bounded in datagrams, in fragments of one and in bytes held, and
// forgets a datagram that is not complete in time. Time is that of the packets:
// the reassembler reads no clock. A fragment that overlaps another condemns its
// datagram (RFC 5722, RFC 8200 4.5); one that brings nothing new is dropped
// alone.
//
// Nothing is lost without a count: every fragment given to Add is held, part of
// a completed datagram, or dropped for one of the fragment reasons.
//
// Not thread-safe: owned by the capture's thread. A fragment costs a lookup, a
// copy of its bytes and a search among those of its datagram.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "client/sensor/decode.h"
#include "client/sensor/packet.h"

namespace conntrack::sensor {

struct ReassemblyLimits {
  size_t datagrams_max = 4'096;
  size_t fragments_per_datagram_max = 1'024;
  // What fragments may occupy together, 4 MiB.
  size_t bytes_max = size_t{4} << 20;
  // Time from the first fragment that was seen, as Linux has it.
  uint64_t ipv4_timeout_ns = 30'000'000'000;
  uint64_t ipv6_timeout_ns = 60'000'000'000;
};

class Reassembler {
 public:
  // Fragments dropped, by reason.
  using DropCounts = std::array<uint64_t, kDiscardReasons>;

  enum class Outcome : uint8_t {
    kHeld,      // Waits for the rest.
    kComplete,  // payload(), payload_length() and `packet` are the datagram.
    kDropped,   // Counted in drops(), maybe with others of its datagram.
  };

  explicit Reassembler(const ReassemblyLimits& limits = {}) : limits_(limits) {}

  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  // Takes one fragment with the network part of its packet. When it completes
  // its datagram, `packet` becomes the network part of the datagram: the header
  // of the first fragment at the time of this one; DecodeReassembled() does the
  // rest.
  Outcome Add(const Fragment& fragment, Packet& packet);

  // Drops every datagram whose time is over at `now_unix_ns`. Cheap when there
  // is none, so it may be called for each packet.
  void Expire(uint64_t now_unix_ns);

  // Drops what is held, as if its time were over.
  void ExpireAll();

  // The completed datagram, until the next Add. Shorter than payload_length()
  // when the capture cut a fragment.
  Bytes payload() const { return payload_; }
  uint32_t payload_length() const { return payload_length_; }
  // How many fragments made it.
  uint64_t payload_fragments() const { return payload_fragments_; }

  const DropCounts& drops() const { return drops_; }
  uint64_t held_fragments() const { return held_fragments_; }
  size_t held_datagrams() const { return datagrams_.size(); }
  size_t held_bytes() const { return held_bytes_; }

 private:
  // RFC 791 3.2, RFC 8200 4.5: what the fragments of a datagram share. IPv6
  // leaves the protocol out.
  struct Key {
    Address source;
    Address destination;
    uint32_t id;
    uint8_t protocol;
    bool ipv6;

    bool operator==(const Key&) const = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.source, key.destination, key.id, key.protocol,
                        key.ipv6);
    }
  };

  struct Piece {
    uint32_t offset;
    uint32_t length;             // On the wire.
    bool continues;              // Came behind the last one, and begins at its end.
    std::vector<uint8_t> bytes;  // What the capture has of it.

    uint32_t end() const { return offset + length; }
  };

  struct Datagram {
    Key key;
    uint64_t start_unix_ns;
    Packet first;               // Network part of the fragment with offset 0.
    uint32_t end;               // The highest end of a fragment so far.
    bool has_last;              // A last fragment was seen: `end` is the length.
    uint32_t received;          // Bytes on the wire, all pieces together.
    std::vector<Piece> pieces;  // By offset; no two overlap.
  };
  using Datagrams = std::list<Datagram>;

  Datagrams::iterator FindOrStart(const Fragment& fragment, const Packet& packet, bool* full);
  void Complete(const Datagram& datagram, Packet& packet);
  Outcome DropFragment(Discard reason);
  Outcome DropDatagram(Datagrams::iterator datagram, Discard reason);
  static uint32_t RunEnd(const Datagram& datagram, std::vector<Piece>::const_iterator piece);
  static bool FitsEnd(const Fragment& fragment, uint32_t end, Datagram* datagram);
  void Forget(Datagrams::iterator datagram);
  Datagrams& Order(bool ipv6) { return ipv6 ? ipv6_order_ : ipv4_order_; }

  const ReassemblyLimits limits_;
  absl::flat_hash_map<Key, Datagrams::iterator> datagrams_;
  // In order of arrival, so the front expires first.
  Datagrams ipv4_order_;
  Datagrams ipv6_order_;
  uint64_t held_fragments_ = 0;
  size_t held_bytes_ = 0;
  DropCounts drops_{};
  std::vector<uint8_t> payload_;
  uint32_t payload_length_ = 0;
  uint64_t payload_fragments_ = 0;
};

}  // namespace conntrack::sensor
