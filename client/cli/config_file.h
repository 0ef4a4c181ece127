// The configuration file of conntrackctl: YAML, with a key for each option that all
// verbs share, "_" for "-".
//
//   server: conntrack.example.net:50051
//   tls_ca: /etc/conntrack/ca.pem
//   output: wide
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace conntrack::cli {

struct ConfigValue {
  std::string key;
  std::string value;
  // "file:line:column" of the value.
  std::string place;
};

// The values in `text`, the content of the file called `path` in messages.
// InvalidArgument, with the place, for what is not YAML, for a key that is not in
// `known` or stands twice, and for a value that is not one word.
absl::StatusOr<std::vector<ConfigValue>> ReadConfigText(const std::string& path,
                                                        const std::string& text,
                                                        const std::vector<std::string>& known);

// The same of the file itself. NotFound when there is none; another code, naming it, when
// it cannot be read.
absl::StatusOr<std::vector<ConfigValue>> ReadConfigFile(const std::string& path,
                                                        const std::vector<std::string>& known);

// The files that are read when none is named, the one that counts more first: the
// user's, then the host's.
std::vector<std::string> ConfigPaths();

}  // namespace conntrack::cli
