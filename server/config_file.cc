#include "server/config_file.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config_settings.h"
#include "server/setting_text.h"

namespace conntrack {
namespace {

// What is done with a value whose name is known.
using Assign = std::function<absl::Status(const std::string& name, const std::string& text,
                                          const std::string& place)>;

std::string Place(const std::string& path, const YAML::Mark& mark) {
  return absl::StrCat(path, ":", mark.line + 1, ":", mark.column + 1);
}

absl::Status ErrorAt(const std::string& place, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": ", message));
}

// Reads a map, and the maps below it, whose keys joined by dots are `names`.
class MapReader {
 public:
  MapReader(std::string path, std::vector<std::string> names, Assign assign)
      : path_(std::move(path)), names_(std::move(names)), assign_(std::move(assign)) {}

  // Keys in `skipped` are left to the caller.
  absl::Status Read(const YAML::Node& map, const std::string& prefix,
                    const std::set<std::string>& skipped) const {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const YAML::Node& key_node = entry.first;
      const YAML::Node& value = entry.second;
      const std::string place = Place(path_, key_node.Mark());
      if (!key_node.IsScalar()) return ErrorAt(place, "a key is not a plain word");
      const std::string key = key_node.Scalar();
      if (!seen.insert(key).second) {
        return ErrorAt(place, absl::StrCat("key ", prefix, key, " stands twice"));
      }
      if (prefix.empty() && skipped.contains(key)) continue;
      if (absl::Status status = ReadEntry(absl::StrCat(prefix, key), value, place, skipped);
          !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadEntry(const std::string& name, const YAML::Node& value,
                         const std::string& key_place, const std::set<std::string>& skipped) const {
    const std::string below = absl::StrCat(name, ".");
    for (const std::string& known : names_) {
      if (known == name) {
        if (!value.IsScalar()) {
          return ErrorAt(key_place, absl::StrCat(name, " needs one value"));
        }
        return assign_(name, value.Scalar(), Place(path_, value.Mark()));
      }
      if (!absl::StartsWith(known, below)) continue;
      // A heading with everything below it commented out.
      if (value.IsNull()) return absl::OkStatus();
      if (!value.IsMap()) {
        return ErrorAt(key_place, absl::StrCat(name, " needs a map of settings"));
      }
      return Read(value, below, skipped);
    }
    std::vector<std::string> candidates = names_;
    candidates.insert(candidates.end(), skipped.begin(), skipped.end());
    for (const std::string& known : names_) {
      // Headings too: "tls" of "tls.cert".
      const size_t dot = known.find('.');
      if (dot != std::string::npos) candidates.push_back(known.substr(0, dot));
    }
    return ErrorAt(key_place, absl::StrCat("unknown key ", name, DidYouMean(name, candidates)));
  }

  const std::string path_;
  const std::vector<std::string> names_;
  const Assign assign_;
};

absl::StatusOr<ZoneOverride> ReadZone(const std::string& path, const YAML::Node& node) {
  const std::string place = Place(path, node.Mark());
  if (!node.IsMap()) return ErrorAt(place, "an entry of zones needs a map with the key zone");
  ZoneOverride zone;
  std::vector<std::string> names;
  for (const ZoneSetting& setting : ZoneSettingTable()) names.push_back(setting.name);
  const MapReader reader(
      path, std::move(names),
      [&](const std::string& name, const std::string& text, const std::string& value_place) {
        zone.values.push_back({name, text, value_place});
        return absl::OkStatus();
      });
  if (absl::Status status = reader.Read(node, "", {"zone"}); !status.ok()) return status;
  const YAML::Node number = node["zone"];
  if (!number.IsDefined() || !number.IsScalar()) {
    return ErrorAt(place, "an entry of zones needs the key zone with a number");
  }
  const absl::StatusOr<uint64_t> value = ParseNumber(number.Scalar(), 0, UINT32_MAX);
  if (!value.ok()) {
    return ErrorAt(Place(path, number.Mark()), absl::StrCat("zone: ", value.status().message()));
  }
  zone.zone = static_cast<uint32_t>(*value);
  return zone;
}

absl::StatusOr<std::vector<ZoneOverride>> ReadZones(const std::string& path,
                                                    const YAML::Node& zones) {
  std::vector<ZoneOverride> overrides;
  if (zones.IsNull()) return overrides;
  if (!zones.IsSequence()) return ErrorAt(Place(path, zones.Mark()), "zones needs a list");
  std::set<uint32_t> seen;
  for (const YAML::Node& node : zones) {
    absl::StatusOr<ZoneOverride> zone = ReadZone(path, node);
    if (!zone.ok()) return zone.status();
    if (!seen.insert(zone->zone).second) {
      return ErrorAt(Place(path, node.Mark()), absl::StrCat("zone ", zone->zone, " stands twice"));
    }
    overrides.push_back(*std::move(zone));
  }
  return overrides;
}

absl::StatusOr<std::vector<ZoneOverride>> ReadRoot(const std::string& path, const YAML::Node& root,
                                                   ServerConfig* config) {
  if (root.IsNull()) return std::vector<ZoneOverride>();
  if (!root.IsMap()) return ErrorAt(Place(path, root.Mark()), "the file is not a map of settings");
  std::vector<std::string> names;
  for (const Setting& setting : SettingTable()) names.push_back(setting.name);
  const MapReader reader(
      path, std::move(names),
      [&](const std::string& name, const std::string& text, const std::string& place) {
        for (const Setting& setting : SettingTable()) {
          if (setting.name != name) continue;
          if (absl::Status status = setting.set(text, config); !status.ok()) {
            return ErrorAt(place, absl::StrCat(name, ": ", status.message()));
          }
        }
        return absl::OkStatus();
      });
  if (absl::Status status = reader.Read(root, "", {"zones"}); !status.ok()) return status;
  const YAML::Node zones = root["zones"];
  if (!zones.IsDefined()) return std::vector<ZoneOverride>();
  return ReadZones(path, zones);
}

// Writes rows in order, with a heading wherever the part of the name before a
// dot changes.
template <typename Rows, typename Config>
void EmitRows(const Rows& rows, const Config& config, YAML::Emitter* out) {
  std::vector<std::string> open;
  for (const auto& row : rows) {
    std::vector<std::string> parts = absl::StrSplit(row.name, '.');
    const std::string leaf = parts.back();
    parts.pop_back();
    size_t common = 0;
    while (common < open.size() && common < parts.size() && open[common] == parts[common]) ++common;
    for (size_t i = open.size(); i > common; --i) *out << YAML::EndMap;
    for (size_t i = common; i < parts.size(); ++i) {
      *out << YAML::Key << parts[i] << YAML::Value << YAML::BeginMap;
    }
    open = parts;
    *out << YAML::Key << leaf << YAML::Value << row.get(config);
  }
  for (size_t i = 0; i < open.size(); ++i) *out << YAML::EndMap;
}

}  // namespace

absl::StatusOr<std::vector<ZoneOverride>> ReadConfigText(const std::string& path,
                                                         const std::string& text,
                                                         ServerConfig* config) {
  // yaml-cpp throws, on access as well as on parsing.
  try {
    return ReadRoot(path, YAML::Load(text), config);
  } catch (const YAML::Exception& error) {
    return ErrorAt(Place(path, error.mark), error.msg);
  }
}

absl::StatusOr<std::vector<ZoneOverride>> ReadConfigFile(const std::string& path,
                                                         ServerConfig* config) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  // A directory opens but does not read.
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf())) ||
      file.bad()) {
    return absl::NotFoundError(
        absl::StrCat("cannot read configuration file ", path, ": ", std::strerror(errno)));
  }
  return ReadConfigText(path, text.str(), config);
}

absl::Status ApplyZoneOverrides(const std::vector<ZoneOverride>& overrides, ServerConfig* config) {
  for (const ZoneOverride& zone : overrides) {
    ZoneSettings settings = config->zone_defaults;
    for (const ZoneOverride::Value& value : zone.values) {
      for (const ZoneSetting& setting : ZoneSettingTable()) {
        if (setting.name != value.name) continue;
        if (absl::Status status = setting.set(value.text, &settings); !status.ok()) {
          return ErrorAt(value.place, absl::StrCat("zone ", zone.zone, ": ", value.name, ": ",
                                                   status.message()));
        }
      }
    }
    config->zones[zone.zone] = settings;
  }
  return absl::OkStatus();
}

std::string PrintConfig(const ServerConfig& config) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  EmitRows(SettingTable(), config, &out);
  if (!config.zones.empty()) {
    out << YAML::Key << "zones" << YAML::Value << YAML::BeginSeq;
    for (const auto& [zone, settings] : config.zones) {
      out << YAML::BeginMap << YAML::Key << "zone" << YAML::Value << zone;
      EmitRows(ZoneSettingTable(), settings, &out);
      out << YAML::EndMap;
    }
    out << YAML::EndSeq;
  }
  out << YAML::EndMap;
  return absl::StrCat(out.c_str(), "\n");
}

}  // namespace conntrack
