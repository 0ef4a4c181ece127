#include "client/cli/export_slot.h"

#include <utility>

namespace conntrack::cli {
namespace {

constexpr int kPartMax = 1'000;

}  // namespace

void ExportSlot::Add(v1::ExportConnectionsResponse* part) {
  if (part->restarted()) {
    connections_.clear();
    places_.clear();
  }
  slot_ = part->slot();
  for (v1::Connection& connection : *part->mutable_connections()) {
    const auto [place, is_new] = places_.try_emplace(connection.id(), connections_.size());
    if (is_new) {
      connections_.push_back(std::move(connection));
    } else {
      connections_[place->second] = std::move(connection);
    }
  }
  for (const uint64_t id : part->removed_ids()) places_.erase(id);
  if (part->has_cut()) cut_ = part->cut();
}

std::vector<v1::ExportConnectionsResponse> ExportSlot::Take() {
  std::vector<v1::ExportConnectionsResponse> parts(1);
  for (size_t i = 0; i < connections_.size(); ++i) {
    const auto place = places_.find(connections_[i].id());
    if (place == places_.end() || place->second != i) continue;
    if (parts.back().connections_size() == kPartMax) parts.emplace_back();
    *parts.back().add_connections() = std::move(connections_[i]);
  }
  for (auto& part : parts) part.set_slot(slot_);
  *parts.back().mutable_cut() = std::move(cut_);
  connections_.clear();
  places_.clear();
  cut_.Clear();
  return parts;
}

}  // namespace conntrack::cli
