// TCP as Netfilter tracks it: one state for the connection, a window for each
// sender, and the rules for packets that fit neither.
//
// Pure functions over plain data: no table, no clock. The state machine is
// RFC 9293's seen from the path, with Netfilter's answers to what a path sees
// and an end does not: reopened connections, challenge ACKs (RFC 5961), resets
// that may be forged, connections whose beginning was missed. All sequence
// arithmetic is modulo 2^32.
#pragma once

#include <cstdint>

#include "server/tracker/connection.h"
#include "server/tracker/packet.h"
#include "server/tracker/protocol.h"
#include "server/tracker/settings.h"

namespace conntrack {

// kNone, or why this header is INVALID whatever the connection: a combination
// of flags that no sender uses.
InvalidReason CheckTcpFlags(uint8_t flags);

// Makes `tcp` the connection that this first packet begins. kNone, or why it
// cannot begin one; then `tcp` is unspecified. UpdateTcp must follow, with the
// same packet.
InvalidReason BeginTcp(const Packet& packet, const TcpSettings& settings, TcpConnection* tcp);

// What the slot knows of the connection besides its TCP part.
struct TcpContext {
  Direction direction;
  bool seen_reply;
  bool assured;
  bool fixed_timeout;
  // Until the deadline.
  Duration remaining;
};

// True for the flags of most packets: an acknowledgement, with data or without.
// CheckTcpFlags has nothing against them.
constexpr bool IsPlainAck(uint8_t flags) {
  using namespace tcp_flag;
  return (flags & (kFin | kSyn | kRst | kAck)) == kAck;
}

// What UpdateTcp does, sooner, for the packet that most packets are: a plain ACK
// within all bounds on an assured connection in ESTABLISHED. Then the packet is
// accepted, changes nothing a watcher sees, and `timeout` is set. False, and
// nothing changed, for every other: UpdateTcp must decide.
//
// REQUIRES: IsPlainAck(packet.tcp_flags); the connection is assured.
bool UpdateTcpByPlainAck(const Packet& packet, Direction direction, const TcpSettings& settings,
                         TcpConnection* tcp, Duration* timeout);

// Moves the connection on by one packet whose flags were checked.
ProtocolResult UpdateTcp(const Packet& packet, const TcpContext& context,
                         const TcpSettings& settings, TcpConnection* tcp);

}  // namespace conntrack
