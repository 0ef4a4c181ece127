#include "tests/differential/rounds.h"

#include <algorithm>
#include <utility>

namespace conntrack {
namespace {

constexpr uint32_t kSwitches = 5;
// A round with pauses lasts several seconds whatever it holds, so it holds much.
constexpr uint32_t kPausedConversations = 1200;
constexpr uint32_t kPausedConversationsMin = 20;
constexpr uint32_t kFlatConversations = 100;
// Those of TCP and SCTP are long.
constexpr uint32_t kLongPausedConversations = 250;
constexpr uint32_t kLongFlatConversations = 50;

bool IsLong(Traffic traffic) { return traffic == Traffic::kTcp || traffic == Traffic::kSctp; }

// Every so many rounds one has pauses. No multiple of 3, so that such rounds
// have their share of switches off their defaults.
uint32_t PausedEvery(Traffic traffic) {
  switch (traffic) {
    case Traffic::kTcp:
      return 100;
    case Traffic::kUdp:
      return 7;
    case Traffic::kSctp:
      return 40;
    default:
      return 20;
  }
}

// In one round of three switches are off their defaults: one in its turn, others
// by chance.
ZoneSettings MakeSettings(uint32_t index, Random* random) {
  ZoneSettings settings;
  if (index % 3 != 1) return settings;
  const uint32_t turn = index / 3 % kSwitches;
  settings.checksum = turn != 0 && random->Percent(70);
  settings.tcp.loose = turn != 1 && random->Percent(70);
  settings.tcp.be_liberal = turn == 2 || random->Percent(25);
  settings.tcp.ignore_invalid_rst = turn == 3 || random->Percent(30);
  settings.tcp.max_retransmissions = random->Pick<uint8_t>({0, 1, 5});
  if (turn != 4 && random->Percent(25)) settings.tcp.max_retransmissions = 3;
  // Now one of the two is the shorter, now the other.
  if (turn % 2 == 0 || random->Percent(30)) {
    settings.tcp.max_retransmission_timeout = std::chrono::seconds(200);
  }
  if (turn % 2 == 1 || random->Percent(30)) {
    // Not below 120 s: it would matter whether a tick has passed since those were
    // given.
    settings.tcp.unacknowledged = std::chrono::seconds(130);
  }
  return settings;
}

// Timeouts of a few seconds, so that connections expire between phases.
void ShortenTimeouts(ZoneSettings* settings, Random* random) {
  const auto seconds = [&] { return std::chrono::seconds(random->Pick({1, 2, 4})); };
  for (size_t state = 1; state < kTcpStates; ++state) {
    // Linux has no switch for it.
    if (state == static_cast<size_t>(TcpState::kSynSent2)) continue;
    settings->tcp.timeout[state] = seconds();
  }
  settings->udp = seconds();
  settings->udp_stream = seconds();
  settings->icmp = seconds();
  settings->icmpv6 = seconds();
  settings->generic = seconds();
  settings->gre = seconds();
  settings->gre_stream = seconds();
  for (size_t state = 1; state < kSctpStates; ++state) settings->sctp.timeout[state] = seconds();
}

// Two phases are as long as SCTP's usual 3 s.
void AvoidPhases(ZoneSettings* settings) {
  for (Duration& timeout : settings->sctp.timeout) {
    if (timeout == 2 * kPhase) timeout = std::chrono::seconds(4);
  }
}

}  // namespace

Round MakeRound(const RoundPlan& plan, uint32_t* number, Random* random) {
  Round round;
  round.settings = MakeSettings(plan.index, random);
  if (plan.paused) AvoidPhases(&round.settings);
  if (plan.expiring && random->Percent(60)) ShortenTimeouts(&round.settings, random);
  // Linux looks for UDP's number in the pseudo-header of UDP-Lite, and we for its
  // own (RFC 3828): no checksum is right for both.
  if (plan.traffic == Traffic::kUdplite) round.settings.checksum = false;
  plan.fixed.ApplyTo(&round.settings);
  for (uint32_t i = 0; i < plan.conversations; ++i) {
    const Family family = random->Percent(30) ? Family::kIpv6 : Family::kIpv4;
    Conversation made{MakeEndpoints(family, ++*number, random), {}};
    made.packets = MakePackets(plan.traffic, family, random);
    if (plan.paused) AddPauses(kPhases, &made.packets, random);
    if (random->Percent(1)) {
      // Both ends are one, a LAND attack.
      for (PacketSpec& packet : made.packets) {
        packet.source = packet.destination = Role::kClient;
        if (packet.quote) packet.quote->source = packet.quote->destination = Role::kClient;
      }
    }
    round.conversations.push_back(std::move(made));
  }
  return round;
}

RoundSequence::RoundSequence(Traffic traffic, FixedSettings fixed, uint32_t* number, Random* random)
    : traffic_(traffic),
      fixed_(std::move(fixed)),
      number_(number),
      random_(random),
      paused_conversations_max_(kPausedConversations) {}

Round RoundSequence::Next() {
  // The first one has pauses, so that a short run has some too.
  const uint32_t index = index_++;
  const bool paused = index % PausedEvery(traffic_) == 0;
  return MakeRound({.traffic = traffic_,
                    .index = index,
                    .paused = paused,
                    .expiring = paused,
                    .conversations = ConversationsOf(index, paused),
                    .fixed = fixed_},
                   number_, random_);
}

uint32_t RoundSequence::ConversationsOf(uint32_t index, bool paused) const {
  if (!paused) return IsLong(traffic_) ? kLongFlatConversations : kFlatConversations;
  // The first one leaves room for others in a short run.
  const bool small = IsLong(traffic_) && index == 0;
  return std::min(paused_conversations_max_,
                  small ? kLongPausedConversations : kPausedConversations);
}

void RoundSequence::Shorten() {
  paused_conversations_max_ = std::max(paused_conversations_max_ / 2, kPausedConversationsMin);
}

}  // namespace conntrack
