// What of a configuration can change while the server runs, and what cannot.
//
// The log's level and format and the settings of zones can; everything else
// waits for a restart. Pure functions; Server::Reload applies what they say.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace conntrack {

// Names of settings that differ, as in the configuration file; a single zone
// is "zones[5]".
struct ConfigChanges {
  std::vector<std::string> applied;
  std::vector<std::string> need_restart;

  bool empty() const { return applied.empty() && need_restart.empty(); }
};

ConfigChanges CompareConfigs(const ServerConfig& running, const ServerConfig& next);

// `running` with what can change taken from `next`.
ServerConfig MergeReloadable(const ServerConfig& running, const ServerConfig& next);

}  // namespace conntrack
