#include "tests/differential/comparer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/differential/decoded_packet.h"
#include "tests/differential/event_sorter.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {
namespace {

// Half a second lies between any deadline and the nearest phase.
constexpr Duration kLateMax = std::chrono::milliseconds(350);
// Each attempt sends the packets again, and waits where they wait.
constexpr Duration kShrinkTime = std::chrono::seconds(20);

Time Now() {
  return TimeFromUnixNanos(std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count());
}

struct Planned {
  Duration time;
  size_t conversation;
  size_t packet;
};

std::vector<Planned> Plan(std::span<const Conversation> conversations) {
  std::vector<Planned> plan;
  for (size_t i = 0; i < conversations.size(); ++i) {
    for (size_t k = 0; k < conversations[i].packets.size(); ++k) {
      plan.push_back({conversations[i].packets[k].time, i, k});
    }
  }
  std::stable_sort(plan.begin(), plan.end(),
                   [](const Planned& a, const Planned& b) { return a.time < b.time; });
  return plan;
}

}  // namespace

std::string DifferenceOf(const Fields& kernel, const Fields& ours) {
  // Most are, and this is the quick way to know.
  if (kernel == ours) return "";
  // The kernel counts in ticks and asks a moment after the packet.
  constexpr int64_t kToleranceSeconds = 1;
  std::string difference = Difference(kernel, ours, kToleranceSeconds);
  return difference.empty() ? Difference(ours, kernel, kToleranceSeconds) : difference;
}

void ForgetReason(Observation* tracker) {
  if (tracker->verdict.has_value()) tracker->verdict->reason = InvalidReason::kNone;
}

absl::StatusOr<std::optional<Mismatch>> Comparer::Run(std::span<const Conversation> conversations,
                                                      const ZoneSettings& settings,
                                                      const Observer& observer) {
  if (absl::Status status = kernel_.Reset(settings); !status.ok()) return status;
  TrackerSubject ours(settings, DecodedPacketSource());
  EventSorter kernel_events;
  EventSorter our_events;
  const std::vector<Planned> plan = Plan(conversations);
  for (const Planned& planned : plan) {
    const Conversation& conversation = conversations[planned.conversation];
    const PacketSpec& spec = conversation.packets[planned.packet];
    late_ = kernel_.WaitUntil(planned.time) > kLateMax && plan.back().time > Duration(0);
    if (late_) return std::nullopt;
    const Time now = Now();
    absl::StatusOr<Observation> kernel = kernel_.Send(spec, conversation.endpoints);
    if (!kernel.ok()) return kernel.status();
    Observation tracker = ours.Send(spec, conversation.endpoints, now);
    ForgetReason(&tracker);
    const std::optional<SeenTuple> tuple = TupleOf(spec, conversation.endpoints);
    kernel_events.Sort(tuple, &*kernel);
    our_events.Sort(tuple, &tracker);
    const ComparedPacket compared{&spec, now, Describe(*kernel, conversation.endpoints),
                                  Describe(tracker, conversation.endpoints)};
    if (observer) observer(planned.conversation, compared);
    std::string difference = DifferenceOf(compared.kernel, compared.ours);
    if (!difference.empty()) {
      return Mismatch{planned.conversation, planned.packet, std::move(difference)};
    }
    ++compared_;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<size_t>> Comparer::Differs(std::vector<PacketSpec> packets,
                                                        const Endpoints& endpoints,
                                                        const ZoneSettings& settings) {
  const Conversation alone{endpoints, std::move(packets)};
  auto mismatch = Run(std::span(&alone, 1), settings, nullptr);
  if (!mismatch.ok()) return mismatch.status();
  if (!mismatch->has_value()) return std::nullopt;
  return (*mismatch)->packet;
}

absl::StatusOr<std::vector<PacketSpec>> Comparer::Shrink(const Conversation& conversation,
                                                         const ZoneSettings& settings) {
  std::vector<PacketSpec> packets = conversation.packets;
  auto at = Differs(packets, conversation.endpoints, settings);
  if (!at.ok()) return at.status();
  if (!at->has_value()) return std::vector<PacketSpec>();
  packets.resize(**at + 1);
  const Time give_up = Now() + kShrinkTime;
  for (size_t size = packets.size() / 2; size > 0; size /= 2) {
    for (size_t first = 0; first + 1 < packets.size() && Now() < give_up;) {
      std::vector<PacketSpec> fewer = packets;
      const size_t last = std::min(first + size, packets.size() - 1);
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(first),
                  fewer.begin() + static_cast<ptrdiff_t>(last));
      at = Differs(fewer, conversation.endpoints, settings);
      if (!at.ok()) return at.status();
      if (at->has_value()) {
        fewer.resize(**at + 1);
        packets = std::move(fewer);
      } else {
        first += size;
      }
    }
  }
  return packets;
}

}  // namespace conntrack
