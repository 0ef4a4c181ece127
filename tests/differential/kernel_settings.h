// Which settings of a zone a kernel can be given, and how.
//
// Pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/tracker/settings.h"

namespace conntrack {

// Names below net.netfilter and their values. Durations must be whole seconds.
std::vector<std::pair<std::string, std::string>> SysctlsOf(const ZoneSettings& settings);

// Why Linux cannot be given the setting of this name in a network namespace;
// empty when it can.
absl::string_view WhyNotInKernel(absl::string_view name);

}  // namespace conntrack
