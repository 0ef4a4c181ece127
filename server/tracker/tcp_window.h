// The window check of TCP: does a packet lie within what its receiver allowed?
//
// Follows Netfilter's bounds: the data may not go above the receiver's window
// nor below what was acknowledged, an acknowledgement may not name data unseen
// nor be older than a window. All arithmetic is modulo 2^32. Pure functions.
#pragma once

#include <cstdint>

#include "server/tracker/connection.h"
#include "server/tracker/packet.h"
#include "server/tracker/settings.h"

namespace conntrack {

// `a` comes before `b` in sequence space.
constexpr bool Before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }
constexpr bool After(uint32_t a, uint32_t b) { return Before(b, a); }

// One past the last sequence number the packet occupies.
uint32_t TcpEnd(const Packet& packet);

// Sets scale and flags of `peer` from the packet's options.
void ReadTcpOptions(const Packet& packet, TcpPeer* peer);

struct WindowResult {
  enum class Kind : uint8_t {
    kAccept,
    kIgnore,   // Accepted, but neither counted nor a reason to change anything.
    kInvalid,  // `reason` says why.
  };
  Kind kind = Kind::kAccept;
  InvalidReason reason = InvalidReason::kNone;
};

struct WindowQuestion {
  const Packet& packet;
  Direction direction;
  TcpClass packet_class;
  uint32_t end;    // TcpEnd(packet).
  TcpState state;  // Before the packet.
  bool be_liberal;
};

// Judges the packet, and moves the windows when it fits.
WindowResult CheckTcpWindow(const WindowQuestion& question, TcpConnection* tcp);

}  // namespace conntrack
