#include "server/connection_count.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/convert.h"

namespace conntrack {
namespace {

// What the groups of a count may take: 128 bytes each with four addresses, 88 with
// two.
constexpr size_t kGroupsMax = 1u << 20;
constexpr int32_t kTopDefault = 100;
constexpr int32_t kTopMax = 10'000;

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionCount>> ConnectionCount::Make(
    const v1::CountConnectionsRequest& request, uint32_t slot_count) {
  if (request.top() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("top ", request.top(), " is below 0"));
  }
  if (!v1::GroupOrder_IsValid(request.order_by())) {
    return absl::InvalidArgumentError(
        absl::StrCat("order_by ", static_cast<int>(request.order_by()), " is unknown"));
  }
  auto count = std::make_unique<ConnectionCount>();
  if (request.group_by().empty()) return count;
  const std::vector<std::string> fields(request.group_by().begin(), request.group_by().end());
  absl::StatusOr<Grouping> grouping = Grouping::Compile(fields, slot_count);
  if (!grouping.ok()) return grouping.status();
  count->groups_ = std::make_unique<Groups>(*std::move(grouping), kGroupsMax);
  count->top_ =
      static_cast<size_t>(request.top() == 0 ? kTopDefault : std::min(request.top(), kTopMax));
  count->order_ = FromWire(request.order_by());
  return count;
}

void ConnectionCount::Answer(const SensorRegistry& sensors,
                             v1::CountConnectionsResponse* response) const {
  response->set_count(count_);
  if (groups_ == nullptr) return;
  const auto sensor_id = [&sensors](uint16_t index) { return sensors.IdOf(index); };
  const Groups::Largest largest = groups_->Top(top_, order_);
  for (const Groups::Group& group : largest.groups) {
    v1::ConnectionGroup* const out = response->add_groups();
    for (std::string& value : groups_->grouping().Text(group.key, sensor_id)) {
      out->add_values(std::move(value));
    }
    ToWire(group.sums, out);
  }
  if (largest.other.connections > 0) ToWire(largest.other, response->mutable_other());
  response->set_other_groups(largest.other_groups);
  response->set_groups_exceeded(largest.exceeded);
}

}  // namespace conntrack
