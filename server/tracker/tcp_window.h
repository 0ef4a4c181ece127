// The window check of TCP: does a packet lie within what its receiver allowed?
//
// Follows Netfilter's bounds: the data may not go above the receiver's window
// nor below what was acknowledged, an acknowledgement may not name data unseen
// nor be older than a window. All arithmetic is modulo 2^32. Pure.
//
// A header, so that the compiler can cut it down to the few instructions that
// most packets need; tcp.cc alone includes it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "server/tracker/connection.h"
#include "server/tracker/packet.h"
#include "server/tracker/settings.h"

namespace conntrack {

// `a` comes before `b` in sequence space.
constexpr bool Before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }
constexpr bool After(uint32_t a, uint32_t b) { return Before(b, a); }

// One past the last sequence number the packet occupies.
inline uint32_t TcpEnd(const Packet& packet) {
  return packet.sequence + packet.payload_length +
         ((packet.tcp_flags & tcp_flag::kSyn) != 0 ? 1 : 0) +
         ((packet.tcp_flags & tcp_flag::kFin) != 0 ? 1 : 0);
}

// Sets scale and flags of `peer` from the packet's options.
inline void ReadTcpOptions(const Packet& packet, TcpPeer* peer) {
  // RFC 7323 2.3: a larger shift means 14.
  constexpr uint8_t kScaleMax = 14;
  if ((packet.tcp_options & tcp_option::kWindowScale) != 0) {
    peer->scale = std::min(packet.window_scale, kScaleMax);
    peer->flags |= tcp_peer_flag::kWindowScale;
  }
  if ((packet.tcp_options & tcp_option::kSackPermitted) != 0) {
    peer->flags |= tcp_peer_flag::kSackPermitted;
  }
}

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

// One packet against the windows of one connection; lives for that long.
// kPlain: the packet is known to be a plain ACK, and the compiler leaves out all
// that others need.
template <bool kPlain>
class WindowCheck {
 public:
  WindowCheck(const WindowQuestion& question, TcpConnection* tcp)
      : question_(question),
        packet_(question.packet),
        tcp_(*tcp),
        // By pointer: GCC would reckon the place of an element anew at each use.
        sender_(*std::next(tcp->peer.data(), Index(question.direction))),
        receiver_(*std::next(tcp->peer.data(), Index(Opposite(question.direction)))),
        sequence_(packet_.sequence),
        end_(question.end),
        ack_(packet_.acknowledgment),
        sack_(ack_) {}

  // Judges the packet, and moves the windows when it fits.
  WindowResult Run();

  // The same for an ACK between two senders that were both seen: moves the
  // windows when it fits, else changes nothing and returns false, and Run must
  // judge it.
  bool MoveIfItFits();

 private:
  // Where a packet lies.
  enum class Place : uint8_t {
    kFits,
    kAboveWindow,
    kAckUnseen,
    kRepeated,  // Repeats what was acknowledged already.
    kAckOld,    // Acknowledges long after.
  };

  // True when the packet is accepted at once: a SYN of a simultaneous open.
  bool InitializeSender();
  void BeginFromSyn();
  Place FindPlace() const;
  WindowResult Misfit(Place place);
  WindowResult AboveWindow();
  void MoveWindows();
  void CountRetransmission();
  bool syn() const { return !kPlain && (packet_.tcp_flags & tcp_flag::kSyn) != 0; }
  bool ack_flag() const { return kPlain || (packet_.tcp_flags & tcp_flag::kAck) != 0; }
  bool AckIsOld() const {
    // The smallest window taken for granted when judging how old an
    // acknowledgement may be.
    constexpr uint32_t kAckWindowMin = 66'000;
    return Before(sack_, receiver_.end - std::max(sender_.max_window, kAckWindowMin));
  }
  bool IsRepeated() const {
    return receiver_.max_window != 0 && Before(end_, sender_.end - receiver_.max_window);
  }

  const WindowQuestion& question_;
  const Packet& packet_;
  TcpConnection& tcp_;
  TcpPeer& sender_;
  TcpPeer& receiver_;
  uint32_t sequence_;
  uint32_t end_;
  uint32_t ack_;
  // The acknowledgement, or the highest edge that SACK adds to it.
  uint32_t sack_;
};

using AnyPacketCheck = WindowCheck<false>;
using PlainAckCheck = WindowCheck<true>;

template <bool kPlain>
WindowResult WindowCheck<kPlain>::Run() {
  if ((receiver_.flags & tcp_peer_flag::kSackPermitted) != 0 &&
      (packet_.tcp_options & tcp_option::kSackEdge) != 0) {
    sack_ = packet_.sack_edge;
  }
  if (InitializeSender()) return {};
  const bool rst = (packet_.tcp_flags & tcp_flag::kRst) != 0;
  if (!ack_flag() || (rst && ack_ == 0)) {
    // Some stacks answer with RST+ACK and acknowledge nothing.
    ack_ = sack_ = receiver_.end;
  }
  if (rst && sequence_ == 0 && question_.state == TcpState::kSynSent) {
    // RFC 9293 3.5.2: a RST that answers a SYN has sequence number 0.
    sequence_ = end_ = sender_.end;
  }
  if (const Place place = FindPlace(); place != Place::kFits) {
    const WindowResult misfit = Misfit(place);
    const bool liberal = question_.be_liberal || (sender_.flags & tcp_peer_flag::kLiberal) != 0;
    return liberal ? WindowResult{} : misfit;
  }
  MoveWindows();
  if (question_.packet_class == TcpClass::kAck) CountRetransmission();
  return {};
}

template <bool kPlain>
inline bool WindowCheck<kPlain>::MoveIfItFits() {
  const bool has_edge = (packet_.tcp_options & tcp_option::kSackEdge) != 0;
  if (has_edge || sender_.max_window == 0 || FindPlace() != Place::kFits) return false;
  MoveWindows();
  CountRetransmission();
  return true;
}

template <bool kPlain>
bool WindowCheck<kPlain>::InitializeSender() {
  const bool reply = question_.direction == Direction::kReply;
  const bool opening =
      question_.state == TcpState::kSynSent || question_.state == TcpState::kSynRecv;
  if (sender_.max_window == 0) {
    if (syn()) {
      BeginFromSyn();
      return !ack_flag();
    }
    // The other direction of a connection picked up mid-stream.
    sender_.end = end_;
    const uint32_t window = uint32_t{packet_.window} << sender_.scale;
    sender_.max_window = std::max<uint32_t>(window, 1);
    sender_.max_end = end_ + sender_.max_window;
    if (receiver_.max_window == 0) {
      receiver_.end = receiver_.max_end = sack_;
    } else if (sack_ == receiver_.end + 1) {
      // It answers a keep-alive, whose sequence number was one too low.
      receiver_.end += 1;
    }
  } else if (syn() && After(end_, sender_.end) && opening) {
    // A retransmission with another sequence number: RFC 793's "old duplicate".
    BeginFromSyn();
    return reply && !ack_flag();
  }
  return false;
}

template <bool kPlain>
void WindowCheck<kPlain>::BeginFromSyn() {
  sender_.end = sender_.max_end = end_;
  sender_.max_window = std::max<uint32_t>(packet_.window, 1);
  if ((packet_.flags & packet_flag::kHasOptions) != 0) {
    sender_.scale = 0;
    sender_.flags &= tcp_peer_flag::kLiberal;
    ReadTcpOptions(packet_, &sender_);
  }
  // RFC 7323 2.2: scaling is in force only when both sides offer it.
  const bool both = (sender_.flags & receiver_.flags & tcp_peer_flag::kWindowScale) != 0;
  if (question_.direction == Direction::kReply && !both) sender_.scale = receiver_.scale = 0;
}

template <bool kPlain>
inline typename WindowCheck<kPlain>::Place WindowCheck<kPlain>::FindPlace() const {
  if (After(sequence_, sender_.max_end)) return Place::kAboveWindow;
  if (After(sack_, receiver_.end)) return Place::kAckUnseen;
  if (IsRepeated()) return Place::kRepeated;
  if (AckIsOld()) return Place::kAckOld;
  return Place::kFits;
}

template <bool kPlain>
WindowResult WindowCheck<kPlain>::Misfit(Place place) {
  using Kind = WindowResult::Kind;
  if (place == Place::kAboveWindow) return AboveWindow();
  if (place == Place::kAckUnseen) return {Kind::kInvalid, InvalidReason::kTcpAckUnseen};
  return {Kind::kIgnore};
}

template <bool kPlain>
WindowResult WindowCheck<kPlain>::AboveWindow() {
  const uint32_t over = end_ - sender_.max_end + 1;
  const bool plausible = receiver_.max_window != 0 && !IsRepeated() && !AckIsOld() &&
                         over <= receiver_.max_window && !After(sack_, receiver_.end);
  if (!plausible) return {WindowResult::Kind::kInvalid, InvalidReason::kTcpSeqOverWindow};
  // The sender overshot by less than a window: the ack that allowed it may have
  // been missed.
  sender_.end = end_;
  sender_.flags |= tcp_peer_flag::kDataUnacknowledged;
  return {WindowResult::Kind::kIgnore};
}

template <bool kPlain>
inline void WindowCheck<kPlain>::MoveWindows() {
  uint32_t window = packet_.window;
  if (!syn()) window <<= sender_.scale;
  sender_.max_window = std::max(sender_.max_window, window + (sack_ - ack_));
  if (After(end_, sender_.end)) {
    sender_.end = end_;
    sender_.flags |= tcp_peer_flag::kDataUnacknowledged;
  }
  if (ack_flag()) {
    // Whether it is news is as good as random: no branch.
    const bool known = (sender_.flags & tcp_peer_flag::kMaxAckSet) != 0;
    sender_.max_ack = known && !After(ack_, sender_.max_ack) ? sender_.max_ack : ack_;
    sender_.flags |= tcp_peer_flag::kMaxAckSet;
  }
  if (receiver_.max_window != 0 && After(end_, sender_.max_end)) {
    receiver_.max_window += end_ - sender_.max_end;
  }
  if (!Before(sack_ + window, receiver_.max_end)) {
    receiver_.max_end = sack_ + window + (window == 0 ? 1 : 0);
  }
  if (ack_ == receiver_.end) {
    receiver_.flags &= static_cast<uint8_t>(~tcp_peer_flag::kDataUnacknowledged);
  }
}

template <bool kPlain>
inline void WindowCheck<kPlain>::CountRetransmission() {
  const uint32_t sequence = packet_.sequence;
  const uint16_t window = packet_.window;
  const bool same_direction = tcp_.last_direction == question_.direction;
  const bool same = same_direction & (tcp_.last_sequence == sequence) & (tcp_.last_ack == ack_) &
                    (tcp_.last_end == end_) & (tcp_.last_window == window);
  const auto retransmissions = static_cast<uint8_t>(same ? tcp_.retransmissions + 1 : 0);
  tcp_.last_sequence = sequence;
  tcp_.last_ack = ack_;
  tcp_.last_end = end_;
  tcp_.last_window = window;
  tcp_.last_direction = question_.direction;
  tcp_.retransmissions = retransmissions;
}

}  // namespace conntrack
