#include "tests/differential/comparer.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <tuple>
#include <utility>

#include "server/tracker/tuple.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {
namespace {

// The kernel counts in ticks and asks a moment after the packet.
constexpr int64_t kToleranceSeconds = 1;
// Each attempt sends the packets again, and waits where they wait.
constexpr Duration kShrinkTime = std::chrono::seconds(20);

Time Now() {
  return TimeFromUnixNanos(std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count());
}

// Events wait here until a packet of their own connection is looked at: what
// expires is told by the kernel when it happens to notice, by the tracker at
// once.
class EventSorter {
 public:
  // Replaces the events by all that wait for the connection of `tuple`.
  void Sort(const std::optional<SeenTuple>& tuple, Observation* observation) {
    for (SeenEvent& event : observation->events) {
      const std::optional<Name> name = NameOf(event.connection.original);
      if (name.has_value()) waiting_[*name].push_back(std::move(event));
    }
    observation->events.clear();
    if (!tuple.has_value()) return;
    const auto found = waiting_.find(NameOf(*tuple).value_or(Name()));
    if (found == waiting_.end()) return;
    observation->events = std::move(found->second);
    waiting_.erase(found);
  }

 private:
  using Name = std::tuple<Address, Address, uint32_t, uint8_t>;

  static std::optional<Name> NameOf(const SeenTuple& tuple) {
    // Every address of MakeEndpoints tells its family.
    const Family family = tuple.source.high != 0 ? Family::kIpv6 : Family::kIpv4;
    const auto key =
        MakeKey(0, family, tuple.protocol, tuple.source, tuple.destination, tuple.ports);
    if (!key.has_value()) return std::nullopt;
    return Name(key->key.first, key->key.second, key->key.ports, key->key.protocol);
  }

  std::map<Name, std::vector<SeenEvent>> waiting_;
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
  EventSorter kernel_events;
  EventSorter our_events;
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
    const std::optional<SeenTuple> tuple = TupleOf(spec, conversation.endpoints);
    kernel_events.Sort(tuple, &*kernel);
    our_events.Sort(tuple, &tracker);
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
