#include "server/tracker/sctp.h"

#include <array>
#include <utility>

#include "server/tracker/events.h"

namespace conntrack {
namespace {

using namespace sctp_chunk;

// Of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own, sent back
// (RFC 9260 8.5.1).
constexpr uint8_t kTagReflected = 0x01;

constexpr SctpState kNO = SctpState::kNone;
constexpr SctpState kCL = SctpState::kClosed;
constexpr SctpState kCW = SctpState::kCookieWait;
constexpr SctpState kCE = SctpState::kCookieEchoed;
constexpr SctpState kES = SctpState::kEstablished;
constexpr SctpState kSS = SctpState::kShutdownSent;
constexpr SctpState kSR = SctpState::kShutdownRecd;
constexpr SctpState kSA = SctpState::kShutdownAckSent;
constexpr SctpState kHB = SctpState::kHeartbeatSent;

// The state after a chunk, by the state before it. kNO: the chunk is INVALID.
using Row = std::array<SctpState, kSctpStates>;
constexpr size_t kRows = 11;
using Transitions = std::array<Row, kRows>;

constexpr Transitions kFromOriginal = {{
    // none closed wait echoed established sent recd ack_sent heartbeat
    {kCL, kCL, kCW, kCE, kES, kCL, kCL, kSA, kCW},  // INIT
    {kCL, kCL, kCW, kCE, kES, kSS, kSR, kSA, kCL},  // INIT ACK
    {kCL, kCL, kCL, kCL, kCL, kCL, kCL, kCL, kCL},  // ABORT
    {kCL, kCL, kCW, kCE, kSS, kSS, kSR, kSA, kCL},  // SHUTDOWN
    {kSA, kCL, kCW, kCE, kES, kSA, kSA, kSA, kSA},  // SHUTDOWN ACK
    {kCL, kCL, kCW, kCE, kES, kSS, kSR, kSA, kCL},  // ERROR
    {kCL, kCL, kCE, kCE, kES, kSS, kSR, kSA, kCL},  // COOKIE ECHO
    {kCL, kCL, kCW, kES, kES, kSS, kSR, kSA, kCL},  // COOKIE ACK
    {kCL, kCL, kCW, kCE, kES, kSS, kSR, kCL, kCL},  // SHUTDOWN COMPLETE
    {kHB, kCL, kCW, kCE, kES, kSS, kSR, kSA, kHB},  // HEARTBEAT
    {kCL, kCL, kCW, kCE, kES, kSS, kSR, kSA, kHB},  // HEARTBEAT ACK
}};

constexpr Transitions kFromReply = {{
    {kNO, kCL, kCW, kCE, kES, kSS, kSR, kSA, kNO},  // INIT
    {kNO, kCW, kCW, kCE, kES, kSS, kSR, kSA, kNO},  // INIT ACK
    {kNO, kCL, kCL, kCL, kCL, kCL, kCL, kCL, kNO},  // ABORT
    {kNO, kCL, kCW, kCE, kSR, kSS, kSR, kSA, kNO},  // SHUTDOWN
    {kNO, kCL, kCW, kCE, kES, kSA, kSA, kSA, kNO},  // SHUTDOWN ACK
    {kNO, kCL, kCW, kCL, kES, kSS, kSR, kSA, kNO},  // ERROR
    {kNO, kCL, kCE, kCE, kES, kSS, kSR, kSA, kNO},  // COOKIE ECHO
    {kNO, kCL, kCW, kES, kES, kSS, kSR, kSA, kNO},  // COOKIE ACK
    {kNO, kCL, kCW, kCE, kES, kSS, kSR, kCL, kNO},  // SHUTDOWN COMPLETE
    {kNO, kCL, kCW, kCE, kES, kSS, kSR, kSA, kHB},  // HEARTBEAT
    {kNO, kCL, kCW, kCE, kES, kSS, kSR, kSA, kES},  // HEARTBEAT ACK
}};

// The row of a chunk type; kRows for those that change no state.
size_t RowOf(uint8_t type) {
  switch (type) {
    case kInit:
      return 0;
    case kInitAck:
      return 1;
    case kAbort:
      return 2;
    case kShutdown:
      return 3;
    case kShutdownAck:
      return 4;
    case kError:
      return 5;
    case kCookieEcho:
      return 6;
    case kCookieAck:
      return 7;
    case kShutdownComplete:
      return 8;
    case kHeartbeat:
      return 9;
    case kHeartbeatAck:
      return 10;
    default:
      return kRows;
  }
}

SctpState Next(Direction direction, SctpState state, uint8_t type) {
  const size_t row = RowOf(type);
  if (row == kRows) return state;
  const Transitions& table = direction == Direction::kOriginal ? kFromOriginal : kFromReply;
  return table[row][static_cast<size_t>(state)];
}

// Which of the types below 16 a packet has, by bit.
uint16_t TypesOf(std::span<const SctpChunk> chunks) {
  uint16_t types = 0;
  for (const SctpChunk& chunk : chunks) {
    if (chunk.type < 16) types |= static_cast<uint16_t>(1u << chunk.type);
  }
  return types;
}

template <typename... Types>
constexpr uint16_t Bits(Types... types) {
  return static_cast<uint16_t>(((1u << types) | ...));
}

// One packet against one association; lives for one call of UpdateSctp.
class SctpUpdate {
 public:
  SctpUpdate(const Packet& packet, Direction direction, bool assured, SctpConnection* sctp)
      : packet_(packet),
        direction_(direction),
        assured_(assured),
        types_(TypesOf(packet.chunks())),
        sctp_(*sctp) {}

  ProtocolResult Run(const SctpSettings& settings);

 private:
  // kNone when the chunk may pass; then the state is the next one.
  InvalidReason Pass(const SctpChunk& chunk);
  InvalidReason CheckTag(const SctpChunk& chunk);
  InvalidReason CheckHeartbeat(uint8_t type);
  void RememberInit(SctpState before);
  InvalidReason CheckInitAck();

  uint32_t tag() const { return packet_.sequence; }
  uint32_t initiate_tag() const { return packet_.acknowledgment; }
  // The tags of the packet's direction and of the other.
  uint32_t& own_tag() { return sctp_.tag[Index(direction_)]; }
  uint32_t& other_tag() { return sctp_.tag[Index(Opposite(direction_))]; }
  bool InitSeen(Direction direction) const { return (sctp_.init_seen & Bit(direction)) != 0; }
  static uint8_t Bit(Direction direction) { return static_cast<uint8_t>(1u << Index(direction)); }

  const Packet& packet_;
  const Direction direction_;
  const bool assured_;
  const uint16_t types_;
  SctpConnection& sctp_;
  // Accepted, but neither counted nor a reason to live longer.
  bool ignored_ = false;
  bool established_ = false;
};

ProtocolResult SctpUpdate::Run(const SctpSettings& settings) {
  // Chunks with a rule of their own for the tag excuse the rest.
  constexpr uint16_t kOwnRule =
      Bits(kInit, kShutdownComplete, kCookieEcho, kAbort, kShutdownAck, kHeartbeat, kHeartbeatAck);
  if ((types_ & kOwnRule) == 0 && tag() != own_tag()) {
    return ProtocolResult::Invalid(InvalidReason::kSctpTag);
  }
  ProtocolResult result;
  for (const SctpChunk& chunk : packet_.chunks()) {
    result.reason = Pass(chunk);
    if (result.reason != InvalidReason::kNone) break;
  }
  result.assured = established_ && !assured_;
  if (result.assured) sctp_.untold_changes |= change::kAssured;
  if (result.reason != InvalidReason::kNone) {
    result.action = ProtocolAction::kInvalid;
    return result;
  }
  result.changes = std::exchange(sctp_.untold_changes, uint8_t{0});
  result.timeout = settings.TimeoutOf(sctp_.state);
  if (ignored_) result.action = ProtocolAction::kIgnore;
  return result;
}

InvalidReason SctpUpdate::Pass(const SctpChunk& chunk) {
  InvalidReason reason = CheckTag(chunk);
  if (reason != InvalidReason::kNone) return reason;
  const SctpState before = sctp_.state;
  const SctpState next = Next(direction_, before, chunk.type);
  if (next == SctpState::kNone) return InvalidReason::kSctpState;
  if (chunk.type == kInit) RememberInit(before);
  if (chunk.type == kInitAck) {
    reason = CheckInitAck();
    if (reason != InvalidReason::kNone) return reason;
  }
  sctp_.state = next;
  if (next == before) return InvalidReason::kNone;
  sctp_.untold_changes |= change::kState;
  if (next == SctpState::kEstablished) established_ = true;
  return InvalidReason::kNone;
}

InvalidReason SctpUpdate::CheckTag(const SctpChunk& chunk) {
  bool right = true;
  switch (chunk.type) {
    case kInit:
      right = tag() == 0;
      break;
    case kAbort:
    case kShutdownComplete:
      right = tag() == ((chunk.flags & kTagReflected) != 0 ? other_tag() : own_tag());
      break;
    case kCookieEcho:
      right = tag() == own_tag();
      break;
    case kCookieAck:
      sctp_.init_seen = 0;
      break;
    case kHeartbeat:
    case kHeartbeatAck:
      return CheckHeartbeat(chunk.type);
    default:
      break;
  }
  return right ? InvalidReason::kNone : InvalidReason::kSctpTag;
}

// The heartbeats of a second path may carry tags that were not seen: one with a
// wrong tag passes, and its answer says which tags are right.
InvalidReason SctpUpdate::CheckHeartbeat(uint8_t type) {
  if (own_tag() == 0) {
    own_tag() = tag();
    return InvalidReason::kNone;
  }
  if (tag() == own_tag()) {
    sctp_.heartbeat_failed = false;
    return InvalidReason::kNone;
  }
  if (ignored_ || (types_ & Bits(kData)) != 0) return InvalidReason::kSctpTag;
  if (type == kHeartbeat) {
    sctp_.heartbeat_failed = true;
    sctp_.heartbeat_direction = direction_;
    ignored_ = true;
    return InvalidReason::kNone;
  }
  if (!sctp_.heartbeat_failed || sctp_.heartbeat_direction == direction_) {
    return InvalidReason::kSctpTag;
  }
  sctp_.heartbeat_failed = false;
  own_tag() = tag();
  other_tag() = 0;
  return InvalidReason::kNone;
}

void SctpUpdate::RememberInit(SctpState before) {
  if (before == SctpState::kNone || other_tag() != initiate_tag()) {
    const bool both = sctp_.init_seen == (Bit(Direction::kOriginal) | Bit(Direction::kReply));
    if (both) sctp_.init_seen = 0;
    sctp_.init_seen |= Bit(direction_);
  }
  other_tag() = initiate_tag();
  // Repeated, or answered by an INIT: it is not what keeps the association.
  if (before == SctpState::kClosed) ignored_ = true;
}

InvalidReason SctpUpdate::CheckInitAck() {
  const bool answered = InitSeen(Opposite(direction_));
  const bool collided = answered && InitSeen(direction_);
  if (other_tag() != initiate_tag() && (collided || (!answered && other_tag() != 0))) {
    return InvalidReason::kSctpTag;
  }
  other_tag() = initiate_tag();
  return InvalidReason::kNone;
}

}  // namespace

InvalidReason CheckSctpChunks(std::span<const SctpChunk> chunks) {
  if (chunks.empty()) return InvalidReason::kSctpChunks;
  constexpr uint16_t kAlone = Bits(kInit, kInitAck, kShutdownComplete);
  constexpr uint16_t kFirst = Bits(kCookieEcho, kCookieAck);
  if (chunks.size() > 1 && (TypesOf(chunks) & kAlone) != 0) return InvalidReason::kSctpChunks;
  if ((TypesOf(chunks.subspan(1)) & kFirst) != 0) return InvalidReason::kSctpChunks;
  return InvalidReason::kNone;
}

InvalidReason BeginSctp(const Packet& packet, SctpConnection* sctp) {
  *sctp = SctpConnection{};
  const uint16_t types = TypesOf(packet.chunks());
  if ((types & Bits(kAbort, kShutdownComplete, kCookieAck)) != 0) {
    return InvalidReason::kSctpNoConnection;
  }
  for (const SctpChunk& chunk : packet.chunks()) {
    if (Next(Direction::kOriginal, SctpState::kNone, chunk.type) == SctpState::kNone) {
      return InvalidReason::kSctpNoConnection;
    }
    switch (chunk.type) {
      case kInit:
        if (packet.sequence != 0) return InvalidReason::kSctpTag;
        sctp->tag[Index(Direction::kReply)] = packet.acknowledgment;
        break;
      case kHeartbeat:
        sctp->tag[Index(Direction::kOriginal)] = packet.sequence;
        break;
      case kShutdownAck:
        sctp->tag[Index(Direction::kReply)] = packet.sequence;
        break;
      default:
        break;
    }
  }
  return InvalidReason::kNone;
}

ProtocolResult UpdateSctp(const Packet& packet, Direction direction, bool assured,
                          const SctpSettings& settings, SctpConnection* sctp) {
  return SctpUpdate(packet, direction, assured, sctp).Run(settings);
}

}  // namespace conntrack
