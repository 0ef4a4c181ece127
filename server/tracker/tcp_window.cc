#include "server/tracker/tcp_window.h"

#include <algorithm>
#include <optional>

namespace conntrack {
namespace {

using namespace tcp_peer_flag;

// RFC 7323 2.3: a larger shift means 14.
constexpr uint8_t kScaleMax = 14;
// The smallest window taken for granted when judging how old an
// acknowledgement may be.
constexpr uint32_t kAckWindowMin = 66'000;

class WindowCheck {
 public:
  WindowCheck(const WindowQuestion& question, TcpConnection* tcp)
      : question_(question),
        packet_(question.packet),
        tcp_(*tcp),
        sender_(tcp->peer[Index(question.direction)]),
        receiver_(tcp->peer[Index(Opposite(question.direction))]),
        syn_((packet_.tcp_flags & tcp_flag::kSyn) != 0),
        ack_flag_((packet_.tcp_flags & tcp_flag::kAck) != 0),
        sequence_(packet_.sequence),
        end_(question.end),
        ack_(packet_.acknowledgment),
        sack_(ack_) {}

  WindowResult Run();

 private:
  // True when the packet is accepted at once: a SYN of a simultaneous open.
  bool InitializeSender();
  void BeginFromSyn();
  // What is wrong with the place of the packet; nullopt when nothing is.
  std::optional<WindowResult> Misfit();
  std::optional<WindowResult> AboveWindow();
  void MoveWindows();
  void CountRetransmission();

  const WindowQuestion& question_;
  const Packet& packet_;
  TcpConnection& tcp_;
  TcpPeer& sender_;
  TcpPeer& receiver_;
  const bool syn_;
  const bool ack_flag_;
  uint32_t sequence_;
  uint32_t end_;
  uint32_t ack_;
  // The acknowledgement, or the highest edge that SACK adds to it.
  uint32_t sack_;
};

WindowResult WindowCheck::Run() {
  if ((receiver_.flags & kSackPermitted) != 0 &&
      (packet_.tcp_options & tcp_option::kSackEdge) != 0) {
    sack_ = packet_.sack_edge;
  }
  if (InitializeSender()) return {};
  const bool rst = (packet_.tcp_flags & tcp_flag::kRst) != 0;
  if (!ack_flag_ || (rst && ack_ == 0)) {
    // Some stacks answer with RST+ACK and acknowledge nothing.
    ack_ = sack_ = receiver_.end;
  }
  if (rst && sequence_ == 0 && question_.state == TcpState::kSynSent) {
    // RFC 9293 3.5.2: a RST that answers a SYN has sequence number 0.
    sequence_ = end_ = sender_.end;
  }
  if (const std::optional<WindowResult> misfit = Misfit()) {
    const bool liberal = question_.be_liberal || (sender_.flags & kLiberal) != 0;
    return liberal ? WindowResult{} : *misfit;
  }
  MoveWindows();
  if (question_.packet_class == TcpClass::kAck) CountRetransmission();
  return {};
}

bool WindowCheck::InitializeSender() {
  const bool reply = question_.direction == Direction::kReply;
  const bool opening =
      question_.state == TcpState::kSynSent || question_.state == TcpState::kSynRecv;
  if (sender_.max_window == 0) {
    if (syn_) {
      BeginFromSyn();
      return !ack_flag_;
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
  } else if (syn_ && After(end_, sender_.end) && opening) {
    // A retransmission with another sequence number: RFC 793's "old duplicate".
    BeginFromSyn();
    return reply && !ack_flag_;
  }
  return false;
}

void WindowCheck::BeginFromSyn() {
  sender_.end = sender_.max_end = end_;
  sender_.max_window = std::max<uint32_t>(packet_.window, 1);
  if ((packet_.flags & packet_flag::kHasOptions) != 0) {
    sender_.scale = 0;
    sender_.flags &= kLiberal;
    ReadTcpOptions(packet_, &sender_);
  }
  // RFC 7323 2.2: scaling is in force only when both sides offer it.
  const bool both = (sender_.flags & receiver_.flags & kWindowScale) != 0;
  if (question_.direction == Direction::kReply && !both) sender_.scale = receiver_.scale = 0;
}

std::optional<WindowResult> WindowCheck::Misfit() {
  using Kind = WindowResult::Kind;
  const uint32_t ack_window = std::max(sender_.max_window, kAckWindowMin);
  if (After(sequence_, sender_.max_end)) return AboveWindow();
  if (After(sack_, receiver_.end)) {
    return WindowResult{Kind::kInvalid, InvalidReason::kTcpAckUnseen};
  }
  if (receiver_.max_window != 0 && Before(end_, sender_.end - receiver_.max_window)) {
    return WindowResult{Kind::kIgnore};  // Repeats what was acknowledged already.
  }
  if (Before(sack_, receiver_.end - ack_window)) {
    return WindowResult{Kind::kIgnore};  // Acknowledges long after.
  }
  return std::nullopt;
}

std::optional<WindowResult> WindowCheck::AboveWindow() {
  const uint32_t ack_window = std::max(sender_.max_window, kAckWindowMin);
  const uint32_t over = end_ - sender_.max_end + 1;
  const bool plausible = receiver_.max_window != 0 &&
                         !Before(end_, sender_.end - receiver_.max_window) &&
                         !Before(sack_, receiver_.end - ack_window) &&
                         over <= receiver_.max_window && !After(sack_, receiver_.end);
  if (!plausible)
    return WindowResult{WindowResult::Kind::kInvalid, InvalidReason::kTcpSeqOverWindow};
  // The sender overshot by less than a window: the ack that allowed it may have
  // been missed.
  sender_.end = end_;
  sender_.flags |= kDataUnacknowledged;
  return WindowResult{WindowResult::Kind::kIgnore};
}

void WindowCheck::MoveWindows() {
  uint32_t window = packet_.window;
  if (!syn_) window <<= sender_.scale;
  sender_.max_window = std::max(sender_.max_window, window + (sack_ - ack_));
  if (After(end_, sender_.end)) {
    sender_.end = end_;
    sender_.flags |= kDataUnacknowledged;
  }
  if (ack_flag_) {
    if ((sender_.flags & kMaxAckSet) == 0) {
      sender_.max_ack = ack_;
      sender_.flags |= kMaxAckSet;
    } else if (After(ack_, sender_.max_ack)) {
      sender_.max_ack = ack_;
    }
  }
  if (receiver_.max_window != 0 && After(end_, sender_.max_end)) {
    receiver_.max_window += end_ - sender_.max_end;
  }
  if (!Before(sack_ + window, receiver_.max_end)) {
    receiver_.max_end = sack_ + window + (window == 0 ? 1 : 0);
  }
  if (ack_ == receiver_.end) receiver_.flags &= static_cast<uint8_t>(~kDataUnacknowledged);
}

void WindowCheck::CountRetransmission() {
  const bool same = tcp_.last_direction == question_.direction &&
                    tcp_.last_sequence == packet_.sequence && tcp_.last_ack == ack_ &&
                    tcp_.last_end == end_ && tcp_.last_window == packet_.window;
  if (same) {
    ++tcp_.retransmissions;
    return;
  }
  tcp_.last_direction = question_.direction;
  tcp_.last_sequence = packet_.sequence;
  tcp_.last_ack = ack_;
  tcp_.last_end = end_;
  tcp_.last_window = packet_.window;
  tcp_.retransmissions = 0;
}

}  // namespace

uint32_t TcpEnd(const Packet& packet) {
  return packet.sequence + packet.payload_length +
         ((packet.tcp_flags & tcp_flag::kSyn) != 0 ? 1 : 0) +
         ((packet.tcp_flags & tcp_flag::kFin) != 0 ? 1 : 0);
}

void ReadTcpOptions(const Packet& packet, TcpPeer* peer) {
  if ((packet.tcp_options & tcp_option::kWindowScale) != 0) {
    peer->scale = std::min(packet.window_scale, kScaleMax);
    peer->flags |= kWindowScale;
  }
  if ((packet.tcp_options & tcp_option::kSackPermitted) != 0) peer->flags |= kSackPermitted;
}

WindowResult CheckTcpWindow(const WindowQuestion& question, TcpConnection* tcp) {
  return WindowCheck(question, tcp).Run();
}

}  // namespace conntrack
