#include "tests/differential/rounds.h"

#include <utility>

namespace conntrack {
namespace {

// Switches off their defaults in one round of three.
ZoneSettings MakeSettings(Random* random) {
  ZoneSettings settings;
  if (!random->Percent(33)) return settings;
  settings.checksum = random->Percent(70);
  settings.tcp.loose = random->Percent(70);
  settings.tcp.be_liberal = random->Percent(25);
  settings.tcp.ignore_invalid_rst = random->Percent(30);
  settings.tcp.max_retransmissions = random->Pick<uint8_t>({0, 1, 3, 5});
  if (random->Percent(30)) {
    settings.tcp.max_retransmission_timeout = std::chrono::seconds(200);
    settings.tcp.unacknowledged = std::chrono::seconds(100);
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
}

}  // namespace

Round MakeRound(const RoundPlan& plan, uint32_t* number, Random* random) {
  Round round;
  round.settings = MakeSettings(random);
  if (plan.expiring && random->Percent(60)) ShortenTimeouts(&round.settings, random);
  for (uint32_t i = 0; i < plan.conversations; ++i) {
    const Family family = random->Percent(30) ? Family::kIpv6 : Family::kIpv4;
    Conversation made{MakeEndpoints(family, ++*number, random), {}};
    made.packets = MakePackets(plan.traffic, family, random);
    if (plan.paused) AddPauses(3, &made.packets, random);
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

}  // namespace conntrack
