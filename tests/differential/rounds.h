// Rounds: conversations that are compared together, under settings of their
// own, which differ from the defaults now and then.
//
// Pure functions of their random source.
#pragma once

#include <cstdint>
#include <vector>

#include "server/tracker/settings.h"
#include "tests/differential/conversation.h"

namespace conntrack {

struct Round {
  ZoneSettings settings;
  std::vector<Conversation> conversations;
};

struct RoundPlan {
  Traffic traffic;
  // Spread over a few seconds of real time.
  bool paused = false;
  // May have timeouts so short that connections expire in the pauses.
  bool expiring = false;
  uint32_t conversations = 0;
};

// `*number` counts conversations, so that none shares an address with another.
Round MakeRound(const RoundPlan& plan, uint32_t* number, Random* random);

}  // namespace conntrack
