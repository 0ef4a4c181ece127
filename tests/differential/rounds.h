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

// The rounds of one traffic in turn, so sized that 20,000 packets of TCP or SCTP have
// met pauses and every switch off its default.
class RoundSequence {
 public:
  // `number` and `random` as above; they must outlive the sequence.
  RoundSequence(Traffic traffic, FixedSettings fixed, uint32_t* number, Random* random);

  Round Next();

  // The last round came too late on a slow machine: those with pauses get
  // smaller.
  void Shorten();

 private:
  uint32_t ConversationsOf(uint32_t index, bool paused) const;

  const Traffic traffic_;
  const FixedSettings fixed_;
  uint32_t* const number_;
  Random* const random_;
  uint32_t index_ = 0;
  uint32_t paused_conversations_max_;
};

}  // namespace conntrack
