// A round with the kernel's answers: asked once, compared as often as wanted.
//
// Not thread-safe.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/differential/comparer.h"
#include "tests/differential/rounds.h"
#include "tests/testing/tracker_packet.h"

namespace conntrack {

class AnsweredRound {
 public:
  // Sends the round through the kernel, and beside it through the tracker as it
  // is switched now. Unavailable when the machine is too slow for the round's
  // pauses; Internal when the tracker differs.
  static absl::StatusOr<AnsweredRound> Ask(Round round, Comparer* comparer);

  size_t size() const { return answers_.size(); }

  // Sends the round through a new tracker, each packet at the time at which the
  // kernel got it. Whether one differs; `*equal` counts those before it.
  bool Differs(size_t* equal) const;

 private:
  struct Answer {
    size_t conversation;
    // Of the conversation's packets.
    size_t packet;
    Time now;
    Fields kernel;
    // What the tracker is told, and what that points to; nullopt when the sensor
    // discards it.
    std::optional<Packet> told;
    PacketParts parts;
  };

  explicit AnsweredRound(Round round) : round_(std::move(round)) {}
  void Decode();

  Round round_;
  std::vector<Answer> answers_;
};

}  // namespace conntrack
