#include "server/tracker/tcp.h"

#include <algorithm>
#include <array>
#include <optional>

#include "server/tracker/events.h"
#include "server/tracker/tcp_window.h"

namespace conntrack {
namespace {

// What the table says of a packet: a new state, or one of two refusals.
enum class Step : uint8_t {
  kToNone = 0,
  kToSynSent,
  kToSynRecv,
  kToEstablished,
  kToFinWait,
  kToCloseWait,
  kToLastAck,
  kToTimeWait,
  kToClose,
  kToSynSent2,
  kIgnore,
  kInvalid,
};

constexpr Step kSS = Step::kToSynSent;
constexpr Step kSR = Step::kToSynRecv;
constexpr Step kES = Step::kToEstablished;
constexpr Step kFW = Step::kToFinWait;
constexpr Step kCW = Step::kToCloseWait;
constexpr Step kLA = Step::kToLastAck;
constexpr Step kTW = Step::kToTimeWait;
constexpr Step kCL = Step::kToClose;
constexpr Step kS2 = Step::kToSynSent2;
constexpr Step kIG = Step::kIgnore;
constexpr Step kIV = Step::kInvalid;

// Columns by TcpClass: none, SYN, SYN-ACK, FIN, ACK, RST.
using Row = std::array<Step, 6>;
using Transitions = std::array<Row, kTcpStates>;

constexpr Transitions kFromOriginal = {{
    {kIV, kSS, kIV, kIV, kES, kIV},  // none
    {kIV, kSS, kIV, kIV, kIV, kCL},  // syn_sent
    {kIV, kIG, kSR, kFW, kES, kCL},  // syn_recv
    {kIV, kIG, kIV, kFW, kES, kCL},  // established
    {kIV, kIG, kIV, kLA, kCW, kCL},  // fin_wait
    {kIV, kIG, kIV, kLA, kCW, kCL},  // close_wait
    {kIV, kIG, kIV, kLA, kTW, kCL},  // last_ack
    {kIV, kSS, kIV, kTW, kTW, kCL},  // time_wait
    {kIV, kSS, kIV, kCL, kCL, kCL},  // close
    {kIV, kS2, kSR, kIV, kIV, kCL},  // syn_sent2
}};

constexpr Transitions kFromReply = {{
    {kIV, kIV, kIV, kIV, kIV, kIV},  // none
    {kIV, kS2, kSR, kIV, kIG, kCL},  // syn_sent
    {kIV, kIV, kIG, kFW, kSR, kCL},  // syn_recv
    {kIV, kIV, kIG, kFW, kES, kCL},  // established
    {kIV, kIV, kIG, kLA, kCW, kCL},  // fin_wait
    {kIV, kIV, kIG, kLA, kCW, kCL},  // close_wait
    {kIV, kIV, kIG, kLA, kTW, kCL},  // last_ack
    {kIV, kSS, kIG, kTW, kTW, kCL},  // time_wait
    {kIV, kIV, kIG, kCL, kCL, kCL},  // close
    {kIV, kS2, kSR, kIV, kIG, kCL},  // syn_sent2
}};

TcpClass ClassOf(uint8_t flags) {
  if ((flags & tcp_flag::kRst) != 0) return TcpClass::kRst;
  if ((flags & tcp_flag::kSyn) != 0) {
    return (flags & tcp_flag::kAck) != 0 ? TcpClass::kSynAck : TcpClass::kSyn;
  }
  if ((flags & tcp_flag::kFin) != 0) return TcpClass::kFin;
  return (flags & tcp_flag::kAck) != 0 ? TcpClass::kAck : TcpClass::kNone;
}

// How long a connection lives on after a packet of this class.
Duration ChooseTimeout(const TcpSettings& settings, const TcpConnection& tcp,
                       TcpClass packet_class) {
  const Duration timeout = settings.TimeoutOf(tcp.state);
  if (tcp.retransmissions >= settings.max_retransmissions &&
      timeout > settings.max_retransmission_timeout) {
    return settings.max_retransmission_timeout;
  }
  if (packet_class == TcpClass::kRst) {
    if (settings.nonclosing_rst_uses_close_timeout) return settings.TimeoutOf(TcpState::kClose);
    if (tcp.state == TcpState::kEstablished && timeout > settings.unacknowledged) {
      return settings.unacknowledged;
    }
  }
  const auto flags = static_cast<uint8_t>(tcp.peer[0].flags | tcp.peer[1].flags);
  if ((flags & tcp_peer_flag::kDataUnacknowledged) != 0 && timeout > settings.unacknowledged) {
    return settings.unacknowledged;
  }
  if (tcp.last_window == 0 && timeout > settings.max_retransmission_timeout) {
    return settings.max_retransmission_timeout;
  }
  return timeout;
}

// Where the window check stands in the way of a packet.
enum class Path : uint8_t { kWindowCheck, kCommit };

// One packet against one connection; lives for one call of UpdateTcp.
class TcpUpdate {
 public:
  TcpUpdate(const Packet& packet, const TcpContext& context, const TcpSettings& settings,
            TcpConnection* tcp)
      : packet_(packet),
        context_(context),
        settings_(settings),
        tcp_(*tcp),
        class_(ClassOf(packet.tcp_flags)),
        end_(TcpEnd(packet)),
        old_state_(tcp->state),
        other_way_(tcp->last_direction != context.direction) {}

  ProtocolResult Run();

 private:
  TcpPeer& sender() { return tcp_.peer[Index(context_.direction)]; }
  TcpPeer& receiver() { return tcp_.peer[Index(Opposite(context_.direction))]; }
  bool HasFlag(uint8_t flag) const { return (tcp_.last_flags & flag) != 0; }

  bool Reopens() const;
  bool AnswersIgnoredSyn() const;
  void ResyncWithIgnoredSyn();
  void RememberIgnored();
  // How a RST goes on, or why it is INVALID.
  std::optional<InvalidReason> JudgeReset(Path* path);
  ProtocolResult OutsideWindow(InvalidReason reason);
  ProtocolResult Commit();

  const Packet& packet_;
  const TcpContext& context_;
  const TcpSettings& settings_;
  TcpConnection& tcp_;
  const TcpClass class_;
  const uint32_t end_;
  TcpState old_state_;
  TcpState new_state_ = TcpState::kNone;
  // The last remembered packet went the other way.
  const bool other_way_;
};

ProtocolResult TcpUpdate::Run() {
  const Transitions& table =
      context_.direction == Direction::kOriginal ? kFromOriginal : kFromReply;
  Step step = table[static_cast<size_t>(old_state_)][static_cast<size_t>(class_)];
  if (step == Step::kInvalid) return ProtocolResult::Invalid(InvalidReason::kTcpState);

  const bool was_over = old_state_ == TcpState::kTimeWait || old_state_ == TcpState::kClose;
  const bool reopening = step == Step::kToSynSent && was_over;
  if (reopening && Reopens()) return {.action = ProtocolAction::kReopen};
  if (reopening || step == Step::kIgnore) {
    if (step != Step::kIgnore || !AnswersIgnoredSyn()) {
      RememberIgnored();
      return ProtocolResult::Ignore();
    }
    ResyncWithIgnoredSyn();
    old_state_ = TcpState::kSynSent;
    step = Step::kToSynRecv;
  }
  new_state_ = static_cast<TcpState>(step);

  Path path = Path::kWindowCheck;
  if (new_state_ == TcpState::kTimeWait) {
    if (old_state_ == TcpState::kLastAck && class_ == TcpClass::kAck && other_way_ &&
        tcp_.last_class == TcpClass::kSyn && HasFlag(tcp_peer_flag::kChallengeAckExpected)) {
      // RFC 5961 4.2: this ACK challenges the SYN that was let through.
      tcp_.last_flags &= static_cast<uint8_t>(~tcp_peer_flag::kChallengeAckExpected);
      return ProtocolResult::Ignore();
    }
  } else if (new_state_ == TcpState::kSynSent2) {
    tcp_.last_flags |= tcp_peer_flag::kSimultaneousOpen;
  } else if (new_state_ == TcpState::kSynRecv) {
    if (context_.direction == Direction::kReply && class_ == TcpClass::kAck &&
        HasFlag(tcp_peer_flag::kSimultaneousOpen)) {
      new_state_ = TcpState::kEstablished;
    }
  } else if (new_state_ == TcpState::kClose && class_ == TcpClass::kRst) {
    if (const auto reason = JudgeReset(&path)) return ProtocolResult::Invalid(*reason);
  }

  if (path == Path::kWindowCheck) {
    const WindowQuestion question{packet_, context_.direction, class_,
                                  end_,    old_state_,         settings_.be_liberal};
    const WindowResult window = AnyPacketCheck(question, &tcp_).Run();
    if (window.kind == WindowResult::Kind::kIgnore) return ProtocolResult::Ignore();
    if (window.kind == WindowResult::Kind::kInvalid) return OutsideWindow(window.reason);
  }
  return Commit();
}

// True when a SYN on a finished connection begins a new one: an orderly close,
// or a reset by the one who now opens.
bool TcpUpdate::Reopens() const {
  const auto closed = static_cast<uint8_t>(tcp_.peer[0].flags | tcp_.peer[1].flags);
  return (closed & tcp_peer_flag::kCloseInitiated) != 0 ||
         (!other_way_ && tcp_.last_class == TcpClass::kRst);
}

// True when this SYN-ACK shows that the SYN ignored before it was genuine.
bool TcpUpdate::AnswersIgnoredSyn() const {
  return class_ == TcpClass::kSynAck && tcp_.last_class == TcpClass::kSyn && other_way_ &&
         packet_.acknowledgment == tcp_.last_end;
}

void TcpUpdate::ResyncWithIgnoredSyn() {
  TcpPeer& opener = receiver();
  opener.end = tcp_.last_end;
  opener.max_end = tcp_.last_end;
  opener.max_window = std::max<uint32_t>(tcp_.last_window, 1);
  opener.scale = tcp_.last_scale;
  tcp_.last_flags &= static_cast<uint8_t>(~tcp_peer_flag::kChallengeAckExpected);
  opener.flags = tcp_.last_flags;
  const auto kept = static_cast<uint8_t>(sender().flags & tcp_peer_flag::kLiberal);
  sender() = TcpPeer{};
  sender().flags = kept;
}

// Lets an end decide about a packet the path cannot judge, and remembers enough
// to understand the answer.
void TcpUpdate::RememberIgnored() {
  tcp_.last_class = class_;
  tcp_.last_direction = context_.direction;
  tcp_.last_sequence = packet_.sequence;
  tcp_.last_end = end_;
  tcp_.last_window = packet_.window;
  if (class_ == TcpClass::kSyn && context_.direction == Direction::kOriginal) {
    TcpPeer announced;
    ReadTcpOptions(packet_, &announced);
    tcp_.last_flags = announced.flags;
    tcp_.last_scale = announced.scale;
    if (old_state_ == TcpState::kLastAck) {
      tcp_.last_flags |= tcp_peer_flag::kChallengeAckExpected;
    }
  }
  if (old_state_ == TcpState::kSynSent && class_ == TcpClass::kAck &&
      context_.direction == Direction::kReply) {
    tcp_.last_ack = packet_.acknowledgment;
  }
}

std::optional<InvalidReason> TcpUpdate::JudgeReset(Path* path) {
  if (old_state_ >= TcpState::kFinWait && old_state_ <= TcpState::kClose) {
    *path = Path::kCommit;
    return std::nullopt;
  }
  const TcpPeer& other = receiver();
  const bool proven = old_state_ == TcpState::kEstablished && context_.assured;
  if ((other.flags & tcp_peer_flag::kMaxAckSet) != 0 && tcp_.last_class != TcpClass::kSyn) {
    if (packet_.sequence == 0 && !proven) return std::nullopt;
    if (Before(packet_.sequence, other.max_ack) && !settings_.ignore_invalid_rst) {
      return InvalidReason::kTcpRstBeforeAck;
    }
    if (!proven || packet_.sequence == other.max_ack) return std::nullopt;
    if (tcp_.last_class == TcpClass::kAck && !other_way_ && packet_.sequence == tcp_.last_end) {
      return std::nullopt;
    }
    // RFC 5961 3.2: a RST in the window but not at the exact place earns a
    // challenge ACK, so the connection stays open for it.
    new_state_ = old_state_;
  }
  const bool answers_syn = context_.seen_reply && tcp_.last_class == TcpClass::kSyn && other_way_;
  const bool answers_ack = !context_.assured && tcp_.last_class == TcpClass::kAck;
  if ((answers_syn || answers_ack) && packet_.acknowledgment == tcp_.last_end) {
    *path = Path::kCommit;
    return std::nullopt;
  }
  if (old_state_ == TcpState::kSynSent && tcp_.last_class == TcpClass::kAck &&
      tcp_.last_direction == Direction::kReply && packet_.sequence == tcp_.last_ack) {
    // It answers the ACK that challenged our SYN.
    *path = Path::kCommit;
  }
  return std::nullopt;
}

ProtocolResult TcpUpdate::OutsideWindow(InvalidReason reason) {
  ProtocolResult result = ProtocolResult::Invalid(reason);
  const bool ends = class_ == TcpClass::kRst || class_ == TcpClass::kFin;
  if (!ends || !context_.assured || context_.fixed_timeout) return result;
  const bool last_ended = tcp_.last_class == TcpClass::kRst || tcp_.last_class == TcpClass::kFin;
  if (!other_way_ || !last_ended) {
    tcp_.last_class = class_;
    tcp_.last_direction = context_.direction;
    return result;
  }
  // Both sides say that it is over and only our window disagrees: do not keep
  // it for days.
  if (context_.remaining >= std::chrono::seconds(120) &&
      context_.remaining > settings_.unacknowledged) {
    result.lower_timeout = true;
    result.timeout = settings_.unacknowledged;
  }
  return result;
}

ProtocolResult TcpUpdate::Commit() {
  tcp_.last_class = class_;
  tcp_.last_direction = context_.direction;
  tcp_.state = new_state_;
  ProtocolResult result;
  if (new_state_ != old_state_) {
    result.changes |= change::kState;
    if (new_state_ == TcpState::kFinWait) sender().flags |= tcp_peer_flag::kCloseInitiated;
  }
  result.timeout = ChooseTimeout(settings_, tcp_, class_);
  if (!context_.seen_reply) {
    if (class_ == TcpClass::kRst) {
      result.action = ProtocolAction::kKill;
    } else if (class_ == TcpClass::kSyn && old_state_ == TcpState::kSynSent) {
      result.action = ProtocolAction::kIgnore;
    } else if (new_state_ == TcpState::kEstablished) {
      result.timeout = std::min(result.timeout, settings_.unacknowledged);
    }
    return result;
  }
  const bool open = old_state_ == TcpState::kSynRecv || old_state_ == TcpState::kEstablished;
  result.assured = !context_.assured && open && new_state_ == TcpState::kEstablished;
  return result;
}

}  // namespace

InvalidReason CheckTcpFlags(uint8_t flags) {
  using namespace tcp_flag;
  switch (flags & static_cast<uint8_t>(~(kPsh | kEce | kCwr))) {
    case kSyn:
    case kSyn | kUrg:
    case kSyn | kAck:
    case kRst:
    case kRst | kAck:
    case kFin | kAck:
    case kFin | kAck | kUrg:
    case kAck:
    case kAck | kUrg:
      return InvalidReason::kNone;
    default:
      return InvalidReason::kTcpFlags;
  }
}

InvalidReason BeginTcp(const Packet& packet, const TcpSettings& settings, TcpConnection* tcp) {
  *tcp = TcpConnection{};
  TcpPeer& opener = tcp->peer[Index(Direction::kOriginal)];
  const TcpClass packet_class = ClassOf(packet.tcp_flags);
  opener.end = TcpEnd(packet);
  opener.max_window = std::max<uint32_t>(packet.window, 1);
  if (packet_class == TcpClass::kSyn) {
    opener.max_end = opener.end;
    ReadTcpOptions(packet, &opener);
    return InvalidReason::kNone;
  }
  if (packet_class != TcpClass::kAck) return InvalidReason::kTcpNoConnection;
  if (!settings.loose) return InvalidReason::kTcpNotPickedUp;
  opener.max_end = opener.end + opener.max_window;
  for (TcpPeer& peer : tcp->peer) {
    peer.flags = tcp_peer_flag::kSackPermitted | tcp_peer_flag::kLiberal;
  }
  return InvalidReason::kNone;
}

bool UpdateTcpByPlainAck(const Packet& packet, Direction direction, const TcpSettings& settings,
                         TcpConnection* tcp, Duration* timeout) {
  if (tcp->state != TcpState::kEstablished) return false;
  const uint32_t end = packet.sequence + packet.payload_length;
  const WindowQuestion question{
      packet, direction, TcpClass::kAck, end, TcpState::kEstablished, settings.be_liberal};
  if (!PlainAckCheck(question, tcp).MoveIfItFits()) return false;
  tcp->last_class = TcpClass::kAck;
  *timeout = ChooseTimeout(settings, *tcp, TcpClass::kAck);
  return true;
}

ProtocolResult UpdateTcp(const Packet& packet, const TcpContext& context,
                         const TcpSettings& settings, TcpConnection* tcp) {
  return TcpUpdate(packet, context, settings, tcp).Run();
}

}  // namespace conntrack
