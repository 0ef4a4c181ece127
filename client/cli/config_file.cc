#include "client/cli/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace conntrack::cli {
namespace {

absl::Status ErrorAt(const std::string& place, const std::string& message) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": ", message));
}

std::string Place(const std::string& path, const YAML::Mark& mark) {
  return absl::StrCat(path, ":", mark.line + 1, ":", mark.column + 1);
}

absl::StatusOr<std::vector<ConfigValue>> ReadMap(const std::string& path, const YAML::Node& map,
                                                 const std::vector<std::string>& known) {
  std::vector<ConfigValue> values;
  if (map.IsNull()) return values;
  if (!map.IsMap()) return ErrorAt(Place(path, map.Mark()), "the file is not a map of settings");
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const std::string place = Place(path, entry.first.Mark());
    if (!entry.first.IsScalar()) return ErrorAt(place, "a key is not a plain word");
    const std::string key = entry.first.Scalar();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return ErrorAt(place,
                     absl::StrCat("unknown key ", key, "; there are ", absl::StrJoin(known, ", ")));
    }
    if (!seen.insert(key).second) return ErrorAt(place, absl::StrCat("key ", key, " stands twice"));
    if (!entry.second.IsScalar()) return ErrorAt(place, absl::StrCat(key, " needs one value"));
    values.push_back({key, entry.second.Scalar(), Place(path, entry.second.Mark())});
  }
  return values;
}

}  // namespace

absl::StatusOr<std::vector<ConfigValue>> ReadConfigText(const std::string& path,
                                                        const std::string& text,
                                                        const std::vector<std::string>& known) {
  // yaml-cpp throws, on access as well as on parsing.
  try {
    return ReadMap(path, YAML::Load(text), known);
  } catch (const YAML::Exception& error) {
    return ErrorAt(Place(path, error.mark), error.msg);
  }
}

absl::StatusOr<std::vector<ConfigValue>> ReadConfigFile(const std::string& path,
                                                        const std::vector<std::string>& known) {
  errno = 0;
  std::ifstream file(path);
  if (!file && (errno == ENOENT || errno == ENOTDIR)) {
    return absl::NotFoundError(absl::StrCat("there is no configuration file ", path));
  }
  std::ostringstream text;
  // A directory opens but does not read.
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf())) ||
      file.bad()) {
    return absl::FailedPreconditionError(absl::StrCat("cannot read configuration file ", path, ": ",
                                                      std::generic_category().message(errno)));
  }
  return ReadConfigText(path, text.str(), known);
}

std::vector<std::string> ConfigPaths() {
  std::vector<std::string> paths;
  const char* const config = std::getenv("XDG_CONFIG_HOME");
  const char* const home = std::getenv("HOME");
  if (config != nullptr && *config == '/') {
    paths.push_back(absl::StrCat(config, "/conntrack/ctl.yaml"));
  } else if (home != nullptr && *home != '\0') {
    paths.push_back(absl::StrCat(home, "/.config/conntrack/ctl.yaml"));
  }
  paths.push_back("/etc/conntrack/ctl.yaml");
  return paths;
}

}  // namespace conntrack::cli
