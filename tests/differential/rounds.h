// Rounds: conversations that are compared together, under settings of their
// own, which differ from the defaults now and then.
//
// Pure functions of their random source.
#pragma once

#include <cstdint>
#include <vector>

#include "server/tracker/settings.h"
#include "tests/differential/conversation.h"
#include "tests/differential/fixed_settings.h"

namespace conntrack {

struct Round {
  ZoneSettings settings;
  std::vector<Conversation> conversations;
};

struct RoundPlan {
  Traffic traffic;
  // Counts the rounds of this traffic: each switch has its turn to be off its
  // default.
  uint32_t index = 0;
  // Spread over a few seconds of real time.
  bool paused = false;
  // May have timeouts so short that connections expire in the pauses.
  bool expiring = false;
  uint32_t conversations = 0;
  // Not left to chance.
  FixedSettings fixed = {};
};

// `*number` counts conversations, so that none shares an address with another.
Round MakeRound(const RoundPlan& plan, uint32_t* number, Random* random);

}  // namespace conntrack
