#include "tests/differential/comparer.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "tests/testing/tracker_subject.h"

namespace conntrack {
namespace {

// The kernel counts in ticks and asks a moment after the packet.
constexpr int64_t kToleranceSeconds = 1;
// Each attempt sends the packets again.
constexpr int kShrinkAttempts = 400;

Time Now() {
  return TimeFromUnixNanos(std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count());
}

// Events of conversations that are told when others are asked about: what
// expired meanwhile.
class EventSorter {
 public:
  explicit EventSorter(std::span<const Conversation> conversations)
      : waiting_(conversations.size()) {
    for (size_t i = 0; i < conversations.size(); ++i) {
      for (const Address& address : conversations[i].endpoints.address) owner_[address] = i;
    }
  }

  // Replaces the events by all that belong to `conversation`.
  void Sort(size_t conversation, Observation* observation) {
    for (SeenEvent& event : observation->events) {
      const auto owner = owner_.find(event.connection.original.source);
      if (owner != owner_.end()) waiting_[owner->second].push_back(std::move(event));
    }
    observation->events = std::exchange(waiting_[conversation], {});
  }

 private:
  std::map<Address, size_t> owner_;
  std::vector<std::vector<SeenEvent>> waiting_;
};

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

absl::StatusOr<std::optional<Mismatch>> Comparer::Run(std::span<const Conversation> conversations,
                                                      const ZoneSettings& settings,
                                                      const Observer& observer) {
  if (absl::Status status = kernel_.Reset(settings); !status.ok()) return status;
  TrackerSubject ours(settings);
  EventSorter kernel_events(conversations);
  EventSorter our_events(conversations);
  const Time begin = Now();
  for (const Planned& planned : Plan(conversations)) {
    const Conversation& conversation = conversations[planned.conversation];
    const PacketSpec& spec = conversation.packets[planned.packet];
    // Real time is the kernel's only clock.
    const Duration early = begin + planned.time - Now();
    if (early > Duration(0)) std::this_thread::sleep_for(early);
    const Time now = Now();
    absl::StatusOr<Observation> kernel = kernel_.Send(spec, conversation.endpoints);
    if (!kernel.ok()) return kernel.status();
    Observation tracker = ours.Send(spec, conversation.endpoints, now);
    tracker.verdict->reason = InvalidReason::kNone;
    kernel_events.Sort(planned.conversation, &*kernel);
    our_events.Sort(planned.conversation, &tracker);
    const ComparedPacket compared{&spec, Describe(*kernel, conversation.endpoints),
                                  Describe(tracker, conversation.endpoints)};
    if (observer) observer(planned.conversation, compared);
    std::string difference = Difference(compared.kernel, compared.ours, kToleranceSeconds);
    if (difference.empty())
      difference = Difference(compared.ours, compared.kernel, kToleranceSeconds);
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
  int attempts = 0;
  for (size_t size = packets.size() / 2; size > 0; size /= 2) {
    for (size_t first = 0; first + 1 < packets.size() && attempts < kShrinkAttempts;) {
      ++attempts;
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
