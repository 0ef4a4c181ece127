#include "tests/differential/tcp_corners.h"

#include <array>
#include <utility>

namespace conntrack {
namespace {

using namespace tcp_flag;

constexpr size_t kClient = 0;
constexpr size_t kServer = 1;

class Corner {
 public:
  explicit Corner(Random* random) : random_(*random) {
    for (uint32_t& next : next_) next = random_.Next();
  }

  std::vector<PacketSpec> Make() {
    Choose();
    return std::move(packets_);
  }

 private:
  void Choose() {
    switch (random_.Below(25)) {
      case 0:
        return ChallengeSyn();
      case 1:
      case 2:
        return ResetAmongTwins();
      case 3:
        return AcknowledgeAmongTwins();
      case 4:
        return ResetAfterSynAck();
      case 5:
        return ShadowSyn();
      case 6:
        return ChallengeBoth();
      case 7:
        return ResetOutsideUnassured();
      case 8:
        return RenumberSyn();
      case 9:
        return Overshoot();
      case 10:
      case 11:
        return PickUpTinyWindow();
      case 12:
      case 13:
        return AnswerAfterReset();
      case 14:
        return ForgetChallenge();
      case 15:
        return RepeatBelowSackEdge();
      case 16:
      case 17:
      case 18:
      case 19:
        return EndOutside();
      default:
        return Visit();
    }
  }

  static size_t Other(size_t end) { return 1 - end; }

  // What would come next from this end.
  PacketSpec Next(size_t from, uint8_t flags, uint16_t length = 0) const {
    PacketSpec spec;
    spec.source = from == kClient ? Role::kClient : Role::kServer;
    spec.destination = from == kClient ? Role::kServer : Role::kClient;
    spec.tcp_flags = flags;
    spec.sequence = next_[from];
    if ((flags & kAck) != 0) spec.acknowledgment = next_[Other(from)];
    spec.payload_length = length;
    spec.window = 32'767;
    return spec;
  }

  // Sends it; the end goes on behind it.
  void Send(const PacketSpec& spec) {
    const bool takes_one = (spec.tcp_flags & (kSyn | kFin)) != 0;
    next_[spec.source == Role::kClient ? kClient : kServer] =
        spec.sequence + spec.payload_length + (takes_one ? 1 : 0);
    packets_.push_back(spec);
  }

  void Repeat(const PacketSpec& spec, uint32_t times_max) {
    const uint32_t times = 1 + random_.Below(times_max);
    packets_.insert(packets_.end(), times, spec);
  }

  void Handshake() {
    Send(Next(kClient, kSyn));
    Send(Next(kServer, kSyn | kAck));
    Send(Next(kClient, kAck));
  }

  // An ACK answers the SYN, and a RST the ACK.
  void ChallengeSyn() {
    Send(Next(kClient, kSyn));
    PacketSpec challenge = Next(kServer, kAck);
    challenge.acknowledgment =
        random_.Pick({uint32_t{0}, next_[kClient], next_[kClient] - 1, random_.Next()});
    packets_.push_back(challenge);
    if (random_.Percent(30)) packets_.push_back(packets_.front());
    PacketSpec reset = Next(kClient, kRst);
    reset.sequence = challenge.acknowledgment + random_.Pick<uint32_t>({0, 0, 1});
    packets_.push_back(reset);
  }

  // Both ends have the same numbers: a RST may stand where the other's data ends.
  void ResetAmongTwins() {
    next_[kServer] = next_[kClient];
    Handshake();
    const size_t from = random_.Below(2);
    Send(Next(from, kAck, random_.Pick<uint16_t>({1, 100, 1000})));
    if (random_.Percent(50)) Send(Next(Other(from), kAck));
    PacketSpec reset = Next(Other(from), kRst);
    reset.sequence = next_[from] + random_.Pick<uint32_t>({0, 0, 1});
    packets_.push_back(reset);
  }

  // Both ends send the same ACK in turn: no retransmission.
  void AcknowledgeAmongTwins() {
    next_[kServer] = next_[kClient];
    Handshake();
    const uint32_t count = 3 + random_.Below(6);
    for (uint32_t i = 0; i < count; ++i)
      packets_.push_back(Next(i % 2 == 0 ? kServer : kClient, kAck));
  }

  // A SYN-ACK is let through, and a RST stands at its end.
  void ResetAfterSynAck() {
    Handshake();
    PacketSpec late = Next(kServer, kSyn | kAck);
    late.sequence += random_.Pick<uint32_t>({0, 1, 100});
    packets_.push_back(late);
    PacketSpec reset = Next(kServer, kRst);
    reset.sequence = late.sequence + 1;
    packets_.push_back(reset);
  }

  // A SYN is let through, and segments have its numbers.
  void ShadowSyn() {
    Handshake();
    if (random_.Percent(50)) Send(Next(kClient, kAck, 100));
    PacketSpec syn = Next(kClient, kSyn);
    syn.sequence -= 1;
    syn.window = random_.Pick<uint16_t>({1000, 5000});
    packets_.push_back(syn);
    PacketSpec shadow = Next(kClient, kAck, 1);
    shadow.sequence = syn.sequence;
    shadow.window = syn.window;
    Repeat(shadow, 6);
  }

  // Both open at once, and an ACK that was ignored comes again.
  void ChallengeBoth() {
    Send(Next(kClient, kSyn));
    Send(Next(kServer, kSyn));
    const PacketSpec challenge = Next(kServer, kAck);
    packets_.push_back(challenge);
    PacketSpec answer = Next(kServer, kSyn | kAck);
    answer.sequence -= 1;
    packets_.push_back(answer);
    Repeat(challenge, 6);
  }

  // Both ends say that it is over, outside the windows.
  void EndOutside() {
    Handshake();
    const size_t first = random_.Below(2);
    if (random_.Percent(30)) Send(Next(first, kAck, 100));
    PacketSpec closed = Next(Other(first), kAck);
    closed.window = random_.Pick<uint16_t>({0, 0, 1000});
    if (random_.Percent(30)) closed.tcp_flags |= kFin;
    Send(closed);
    const uint32_t count = 2 + random_.Below(3);
    for (uint32_t i = 0; i < count; ++i) {
      const size_t from = random_.Percent(80) ? (first + i) % 2 : first;
      PacketSpec end = Next(from, random_.Percent(60) ? kFin | kAck : kRst);
      end.sequence += 500'000;
      packets_.push_back(end);
    }
  }

  // A FIN outside the window is not remembered before the connection is assured,
  // so a RST answers the ACK before it.
  void ResetOutsideUnassured() {
    Send(Next(kClient, kSyn));
    Send(Next(kServer, kSyn | kAck));
    packets_.push_back(Next(kServer, kAck));
    PacketSpec end = Next(kClient, kFin | kAck);
    end.sequence += 500'000;
    packets_.push_back(end);
    PacketSpec reset = Next(kClient, kRst | kAck);
    reset.sequence = end.sequence;
    packets_.push_back(reset);
  }

  // A SYN in LAST_ACK would be challenged, but something else comes first.
  void ForgetChallenge() {
    Handshake();
    Send(Next(kClient, kFin | kAck));
    Send(Next(kServer, kFin | kAck));
    PacketSpec syn = Next(kClient, kSyn);
    if (random_.Percent(50)) syn.sequence = random_.Next();
    packets_.push_back(syn);
    if (random_.Percent(60)) {
      PacketSpec again = Next(kClient, kFin | kAck);
      --again.sequence;
      packets_.push_back(again);
    }
    Repeat(Next(random_.Percent(60) ? kServer : kClient, kAck), 2);
  }

  // A SYN or its answer comes again with a higher number and no options; no
  // other mark of a packet passes for options.
  void RenumberSyn() {
    const size_t again = random_.Below(2);
    for (const size_t from : {kClient, kServer}) {
      PacketSpec syn = Next(from, from == kClient ? kSyn : kSyn | kAck);
      AppendWindowScale(7, &syn.tcp_options);
      AppendSackPermitted(&syn.tcp_options);
      Send(syn);
      if (from != again) continue;
      syn.sequence += random_.Pick<uint32_t>({1, 100, 70'000});
      syn.tcp_options.clear();
      syn.hop_limit = 255;
      syn.bad_checksum = random_.Percent(30);
      Send(syn);
    }
    Send(Next(kClient, kAck));
  }

  // More than the window allows, with an acknowledgement about as old as is
  // taken for granted without scaling.
  void Overshoot() {
    const bool scaled = random_.Percent(50);
    PacketSpec syn = Next(kClient, kSyn);
    if (scaled) AppendWindowScale(7, &syn.tcp_options);
    Send(syn);
    PacketSpec answer = Next(kServer, kSyn | kAck);
    if (scaled) AppendWindowScale(0, &answer.tcp_options);
    answer.window = 5000;
    Send(answer);
    PacketSpec third = Next(kClient, kAck);
    third.window = 65'535;
    Send(third);
    const uint32_t segments = scaled ? 2 : 1;
    for (uint32_t i = 0; i < segments; ++i) {
      PacketSpec segment = Next(kServer, kAck, 1000);
      segment.sequence += 65'500;
      segment.window = 5000;
      Send(segment);
    }
    PacketSpec over = Next(kClient, kAck, random_.Pick<uint16_t>({1, 100}));
    over.sequence += 5001;
    over.acknowledgment -= random_.Pick<uint32_t>({65'999, 66'000, 66'001, 66'001});
    packets_.push_back(over);
  }

  // Met in the middle: data beyond a window of 0, of an end whose peer is not
  // known, and what the peer acknowledges. Of an unknown peer only a number near
  // 0 fits.
  void PickUpTinyWindow() {
    if (random_.Percent(80)) next_[kServer] = 0;
    PacketSpec first = Next(kClient, kAck);
    first.window = 0;
    Send(first);
    const uint32_t begin = next_[kClient];
    PacketSpec segment = Next(kClient, kAck, 250);
    segment.window = 0;
    Send(segment);
    PacketSpec old = Next(kServer, kAck);
    old.acknowledgment = begin;
    old.window = 100;
    if (random_.Percent(70)) packets_.push_back(old);
    // It ends a window of the peer below the highest end.
    PacketSpec repeated = Next(kClient, kAck, random_.Pick<uint16_t>({48, 49, 49, 50}));
    repeated.sequence = begin + 101;
    repeated.window = 0;
    packets_.push_back(repeated);
    PacketSpec all = Next(kServer, kAck);
    all.acknowledgment = random_.Pick({next_[kClient], next_[kClient], begin + 150});
    packets_.push_back(all);
  }

  // A RST that is refused tells of the server before its answer does.
  void AnswerAfterReset() {
    Send(Next(kClient, kSyn));
    PacketSpec reset = Next(kServer, kRst | kAck);
    reset.acknowledgment += 1000;
    reset.sequence -= random_.Pick<uint32_t>({0, 0, 1, 1000});
    reset.window = 100;
    packets_.push_back(reset);
    if (random_.Percent(50)) Send(Next(kClient, kSyn));
    PacketSpec answer = Next(kServer, kSyn | kAck);
    if (random_.Percent(60)) --answer.sequence;
    Send(answer);
    PacketSpec early = Next(kServer, kAck, 10);
    early.sequence += 150;
    if (random_.Percent(60)) packets_.push_back(early);
    Send(Next(kClient, kAck));
  }

  // Leads a connection to one of its states, and sends packets of any class
  // there, so that each state meets each of them.
  void Visit() {
    const uint32_t stage = random_.Below(9);
    Send(Next(kClient, kSyn));
    if (stage == 8) {
      Send(Next(kServer, kSyn));
    } else if (stage > 0) {
      Send(Next(kServer, kSyn | kAck));
    }
    if (stage > 1 && stage < 8) Send(Next(kClient, kAck));
    if (stage == 7) packets_.push_back(Next(random_.Below(2), kRst));
    if (stage > 2 && stage < 7) Send(Next(kClient, kFin | kAck));
    if (stage == 4) Send(Next(kServer, kAck));
    if (stage == 5 || stage == 6) Send(Next(kServer, kFin | kAck));
    if (stage == 6) Send(Next(kClient, kAck));
    const uint32_t count = 1 + random_.Below(3);
    for (uint32_t i = 0; i < count; ++i) {
      PacketSpec any =
          Next(random_.Below(2),
               random_.Pick<uint8_t>({kSyn, kSyn | kAck, kSyn | kAck, kFin | kAck, kAck, kRst}));
      if ((any.tcp_flags & kSyn) != 0 && random_.Percent(50)) any.sequence = random_.Next();
      packets_.push_back(any);
    }
  }

  // What SACK adds to an acknowledgement adds to the window below which a
  // repetition is old.
  void RepeatBelowSackEdge() {
    PacketSpec syn = Next(kClient, kSyn);
    AppendSackPermitted(&syn.tcp_options);
    syn.window = 100;
    Send(syn);
    PacketSpec answer = Next(kServer, kSyn | kAck);
    AppendSackPermitted(&answer.tcp_options);
    Send(answer);
    PacketSpec third = Next(kClient, kAck);
    third.window = 100;
    Send(third);
    const uint32_t begin = next_[kServer];
    PacketSpec segment = Next(kServer, kAck, 1300);
    segment.sequence += 100;
    Send(segment);
    PacketSpec edge = Next(kClient, kAck);
    edge.acknowledgment = begin;
    edge.window = 1300;
    AppendSack(std::vector<SackBlock>{{begin + 100, next_[kServer]}}, &edge.tcp_options);
    packets_.push_back(edge);
    PacketSpec repeated = Next(kServer, kAck, 100);
    repeated.sequence -= 2100 - random_.Below(2) * 200;
    packets_.push_back(repeated);
  }

  Random& random_;
  std::vector<PacketSpec> packets_;
  // Where each end goes on.
  std::array<uint32_t, 2> next_ = {};
};

}  // namespace

std::vector<PacketSpec> MakeTcpCorner(Random* random) { return Corner(random).Make(); }

}  // namespace conntrack
