#include "server/reload.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config_settings.h"

namespace conntrack {
namespace {

bool IsReloadable(const std::string& name) {
  return absl::StartsWith(name, "log.") || absl::StartsWith(name, "zone_defaults.");
}

bool Lists(const ServerConfig& config, uint32_t zone) { return config.zones.count(zone) > 0; }

}  // namespace

ConfigChanges CompareConfigs(const ServerConfig& running, const ServerConfig& next) {
  ConfigChanges changes;
  for (const Setting& setting : SettingTable()) {
    if (setting.get(running) == setting.get(next)) continue;
    (IsReloadable(setting.name) ? changes.applied : changes.need_restart).push_back(setting.name);
  }
  std::set<uint32_t> zones;
  for (const auto& [zone, settings] : running.zones) zones.insert(zone);
  for (const auto& [zone, settings] : next.zones) zones.insert(zone);
  for (const uint32_t zone : zones) {
    // A zone that follows the defaults in both is told of by their names.
    const bool same = running.SettingsOf(zone) == next.SettingsOf(zone);
    if (same && Lists(running, zone) == Lists(next, zone)) continue;
    changes.applied.push_back(absl::StrCat("zones[", zone, "]"));
  }
  return changes;
}

ServerConfig MergeReloadable(const ServerConfig& running, const ServerConfig& next) {
  ServerConfig merged = running;
  merged.log = next.log;
  merged.zone_defaults = next.zone_defaults;
  merged.zones = next.zones;
  return merged;
}

}  // namespace conntrack
