// Comparer leads the tracker and the kernel through the same packets in step,
// and finds the shortest list of packets that shows a difference.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/tracker/settings.h"
#include "tests/differential/conversation.h"
#include "tests/differential/kernel_subject.h"
#include "tests/testing/observation.h"

namespace conntrack {

// One packet, and what both sides said of it.
struct ComparedPacket {
  const PacketSpec* spec;
  // When it was sent.
  Time now;
  Fields kernel;
  Fields ours;
};

struct Mismatch {
  size_t conversation = 0;
  // Index of the first packet that differs.
  size_t packet = 0;
  // Empty when the packets were equal.
  std::string difference;
};

// What differs in either way; empty when nothing does.
std::string DifferenceOf(const Fields& kernel, const Fields& ours);
// The kernel tells no reasons, so ours have nothing to be compared with.
void ForgetReason(Observation* tracker);

class Comparer {
 public:
  // Called for every packet compared.
  using Observer = std::function<void(size_t conversation, const ComparedPacket&)>;

  explicit Comparer(KernelSubject* kernel) : kernel_(*kernel) {}

  // Sends all packets: those of equal time conversation by conversation, later
  // ones when their time has come. Both sides begin empty. Stops at the first
  // difference and returns it; stops too when the machine is so slow that a
  // deadline would be a close call.
  absl::StatusOr<std::optional<Mismatch>> Run(std::span<const Conversation> conversations,
                                              const ZoneSettings& settings,
                                              const Observer& observer);

  // The shortest packet list found that still differs in one conversation;
  // empty when the difference does not come again.
  absl::StatusOr<std::vector<PacketSpec>> Shrink(const Conversation& conversation,
                                                 const ZoneSettings& settings);

  // The last Run stopped because it was late.
  bool late() const { return late_; }

  // How many packets both sides agreed on.
  uint64_t compared() const { return compared_; }

 private:
  // Index of the first packet that differs when these are sent alone.
  absl::StatusOr<std::optional<size_t>> Differs(std::vector<PacketSpec> packets,
                                                const Endpoints& endpoints,
                                                const ZoneSettings& settings);

  KernelSubject& kernel_;
  uint64_t compared_ = 0;
  bool late_ = false;
};

}  // namespace conntrack
