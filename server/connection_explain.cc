#include "server/connection_explain.h"

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/convert_event.h"
#include "server/convert_packets.h"
#include "server/tracker/check.h"
#include "server/tracker/explain.h"

namespace conntrack {
namespace {

void EventToWire(const Event& event, const WireContext& context, v1::Event* out) {
  std::array<char, kEventRoom> bytes;
  WireWriter writer(bytes.data());
  const auto slot = static_cast<uint32_t>(event.connection.extra.id % context.slot_count);
  WriteEvent(event, slot, Shown::kAsItIs, context, &writer);
  CT_CHECK(out->ParseFromArray(bytes.data(), static_cast<int>(writer.end() - bytes.data())));
}

}  // namespace

absl::Status Explain(Tracker* tracker, Time server_now, const WireContext& context,
                     const v1::ExplainPacketRequest& request, v1::ExplainPacketResponse* response) {
  PacketReader reader;
  if (const auto error = reader.Append(request.packet(), 1)) {
    return absl::InvalidArgumentError(absl::StrCat("packet: ", error->detail));
  }
  const std::optional<ZoneIndex> zone = tracker->FindZone(request.zone());
  if (!zone.has_value()) {
    return absl::NotFoundError(absl::StrCat("zone ", request.zone(), " does not exist"));
  }
  const Packet& packet = reader.packets()[0];
  const Explanation explanation = ExplainPacket(tracker, *zone, packet, server_now);
  const Verdict& verdict = explanation.verdict;
  response->set_verdict(ToWire(verdict.kind));
  response->set_direction(WireDirection(verdict));
  response->set_invalid_reason(static_cast<v1::InvalidReason>(verdict.reason));
  response->set_explanation(explanation.text);
  const Time now = tracker->NowOf(*zone, server_now);
  if (explanation.before.has_value()) {
    ToWire(explanation.before->ref(), now, context, response->mutable_before());
  }
  if (explanation.after.has_value()) {
    const Time then =
        tracker->zone(*zone).clock == ZoneClock::kPacket ? std::max(now, packet.time) : server_now;
    ToWire(explanation.after->ref(), then, context, response->mutable_after());
  }
  for (const Event& event : explanation.events) {
    EventToWire(event, context, response->add_events());
  }
  return absl::OkStatus();
}

}  // namespace conntrack
