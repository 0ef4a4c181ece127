// The one table of settings: name, range, default and help of each, and how it
// is read from text and written to it. A name gives its flag, its environment
// variable and its place in the file, so that the three cannot disagree:
// "tls.client_ca" is --tls-client-ca, CONNTRACK_SERVER_TLS_CLIENT_CA, and
// client_ca below tls.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/config.h"
#include "server/tracker/settings.h"

namespace conntrack {

inline constexpr char kEnvironmentPrefix[] = "CONNTRACK_SERVER_";

struct Setting {
  std::string name;
  // The heading it stands under in --help.
  std::string group;
  // What stands for the value in --help: "HOST:PORT", "N".
  std::string value_name;
  std::string help;
  // The flag may stand without a value.
  bool is_switch = false;
  // InvalidArgument for text that is not a value or not in the range.
  std::function<absl::Status(absl::string_view text, ServerConfig* config)> set;
  std::function<std::string(const ServerConfig& config)> get;

  std::string Flag() const;
  std::string Variable() const;
};

// A setting of a zone: of the defaults, and of each zone in the file.
struct ZoneSetting {
  std::string name;
  std::string value_name;
  std::string help;
  bool is_switch = false;
  std::function<absl::Status(absl::string_view text, ZoneSettings* settings)> set;
  std::function<std::string(const ZoneSettings& settings)> get;
};

// All settings, in the order of --help. Those of the defaults for zones are
// named "zone_defaults." and the name in ZoneSettingTable().
std::span<const Setting> SettingTable();
std::span<const ZoneSetting> ZoneSettingTable();

// "; did you mean X?" with the candidate nearest to `text`, or nothing when
// none is near.
std::string DidYouMean(absl::string_view text, const std::vector<std::string>& candidates);

}  // namespace conntrack
