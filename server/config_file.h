// The configuration file: YAML with the names of config_settings.h, and a list
// of zones that differ from the defaults.
//
//   listen: 0.0.0.0:50051
//   tls: {cert: server.pem, key: server.key}
//   zone_defaults:
//     tcp: {established: 1h}
//   zones:
//     - zone: 5
//       connections_max: 1000
//       tcp: {established: 10m}
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config.h"

namespace conntrack {

// A zone of the file. Kept as text until the defaults that it differs from are
// known: flags and the environment may still change them.
struct ZoneOverride {
  struct Value {
    std::string name;
    std::string text;
    // "file:line:column" of the value.
    std::string place;
  };

  uint32_t zone = 0;
  std::vector<Value> values;
};

// Reads `text`, the content of the file called `path` in messages, into
// `*config`, except for zones, which it returns. InvalidArgument, with
// "path:line:column" before the message, for what is not YAML, a key that is
// unknown or stands twice, and a value that is wrong.
absl::StatusOr<std::vector<ZoneOverride>> ReadConfigText(const std::string& path,
                                                         const std::string& text,
                                                         ServerConfig* config);
// The same from the file itself. NotFound or another code, naming it, when it
// cannot be read.
absl::StatusOr<std::vector<ZoneOverride>> ReadConfigFile(const std::string& path,
                                                         ServerConfig* config);

// Fills config->zones: the defaults as they are now, with the overrides.
absl::Status ApplyZoneOverrides(const std::vector<ZoneOverride>& overrides, ServerConfig* config);

// A file that gives this configuration, every setting in it.
std::string PrintConfig(const ServerConfig& config);

}  // namespace conntrack
