// Settings of a zone as "path=value", by the names of ZoneSettings:
// "tcp.established=1h", "connections_max=1000", "checksum=false".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "conntrack/v1/admin_service.pb.h"

namespace conntrack::cli {

// Sets one field and adds its path to the mask. InvalidArgument when there is
// no such setting, or its value has another form.
absl::Status ApplySetting(const std::string& assignment, v1::UpdateZoneRequest* request);

// All settings, as path and value.
std::vector<std::pair<std::string, std::string>> SettingTexts(const v1::ZoneSettings& settings);

}  // namespace conntrack::cli
