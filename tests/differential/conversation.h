// Conversations: packets between a few ends, made at random but guided towards
// what a tracker has rules for.
//
// Pure functions of their random source: the same seed gives the same packets.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "tests/testing/packet_builder.h"

namespace conntrack {

// A seeded source of choices. Equal on every platform.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint32_t Next() { return static_cast<uint32_t>(engine_() >> 32); }
  // 0 to below - 1.
  uint32_t Below(uint32_t below) { return static_cast<uint32_t>(uint64_t{Next()} * below >> 32); }
  bool Percent(uint32_t percent) { return Below(100) < percent; }
  template <typename T>
  T Pick(std::initializer_list<T> choices) {
    return *(choices.begin() + Below(static_cast<uint32_t>(choices.size())));
  }

 private:
  std::mt19937_64 engine_;
};

struct Conversation {
  Endpoints endpoints;
  // Their times never fall.
  std::vector<PacketSpec> packets;
};

// What a comparison can be limited to.
enum class Traffic : uint8_t { kTcp, kUdp, kUdplite, kIcmp, kSctp, kGre, kGeneric };
inline constexpr size_t kTraffics = 7;
// "tcp" and so on.
const char* NameOf(Traffic traffic);

std::vector<PacketSpec> MakePackets(Traffic traffic, Family family, Random* random);

// Ends whose addresses no other number below 2^22 has; ports at random.
Endpoints MakeEndpoints(Family family, uint32_t number, Random* random);

// Packets of one conversation, some tens. See the .cc files for what they aim
// at.
std::vector<PacketSpec> MakeTcpPackets(Family family, Random* random);
std::vector<PacketSpec> MakeUdpPackets(Family family, Random* random);
std::vector<PacketSpec> MakeUdplitePackets(Family family, Random* random);
std::vector<PacketSpec> MakeSctpPackets(Family family, Random* random);
std::vector<PacketSpec> MakeGrePackets(Family family, Random* random);
std::vector<PacketSpec> MakeIcmpPackets(Family family, Random* random);
std::vector<PacketSpec> MakeGenericPackets(Family family, Random* random);

// An ICMP error, right or wrong in many ways, about a packet of `protocol`
// between client and server.
PacketSpec MakeIcmpError(Family family, uint8_t protocol, Random* random);

// Phases of real time lie this far apart, so that no deadline of 1, 2 or 4 s is
// a close call.
inline constexpr Duration kPhase = std::chrono::milliseconds(1500);
inline constexpr uint32_t kPhases = 3;
// Spreads the packets over up to `phases` phases.
void AddPauses(uint32_t phases, std::vector<PacketSpec>* packets, Random* random);

}  // namespace conntrack
