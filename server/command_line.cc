#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "server/config_file.h"
#include "server/config_settings.h"
#include "server/manual.h"
#include "server/version.h"

namespace conntrack {
namespace {

constexpr char kConfigVariable[] = "CONNTRACK_SERVER_CONFIG";

// Whether Kubernetes set the variable: for every service in a pod's namespace
// it makes variables named after it, and a service called conntrack-server, or
// one whose name begins so, gets ours for a prefix.
bool IsServiceLink(absl::string_view name, absl::string_view value) {
  const absl::string_view rest = name.substr(sizeof(kEnvironmentPrefix) - 1);
  if (rest == "PORT" || absl::StartsWith(rest, "PORT_") || rest == "SERVICE_HOST" ||
      rest == "SERVICE_PORT" || absl::StartsWith(rest, "SERVICE_PORT_")) {
    return true;
  }
  if (absl::EndsWith(rest, "_SERVICE_HOST") || absl::EndsWith(rest, "_SERVICE_PORT") ||
      absl::StrContains(rest, "_SERVICE_PORT_")) {
    return true;
  }
  const bool names_port = absl::EndsWith(rest, "_PORT") || absl::StrContains(rest, "_PORT_");
  const bool has_protocol = absl::StartsWith(value, "tcp://") ||
                            absl::StartsWith(value, "udp://") || absl::StartsWith(value, "sctp://");
  return names_port && (has_protocol || absl::StrContains(rest, "_TCP_") ||
                        absl::StrContains(rest, "_UDP_") || absl::StrContains(rest, "_SCTP_"));
}

// Our variables by name; an error for one that is nobody's.
absl::StatusOr<std::map<std::string, std::string>> ReadEnvironment(
    std::span<const std::string> environment) {
  std::vector<std::string> known = {kConfigVariable};
  for (const Setting& setting : SettingTable()) known.push_back(setting.Variable());
  std::map<std::string, std::string> variables;
  for (const std::string& entry : environment) {
    if (!absl::StartsWith(entry, kEnvironmentPrefix)) continue;
    const size_t equals = std::min(entry.find('='), entry.size());
    const std::string name = entry.substr(0, equals);
    const std::string value = equals < entry.size() ? entry.substr(equals + 1) : "";
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      variables[name] = value;
    } else if (!IsServiceLink(name, value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown environment variable ", name, DidYouMean(name, known)));
    }
  }
  return variables;
}

std::string FooterText() {
  std::string text = manual::HelpFooter(ServerManual(), "Exit codes:");
  for (const auto& [code, meaning] : ServerExitCodes()) {
    absl::StrAppend(&text, "  ", code, "  ", meaning, "\n");
  }
  return text;
}

// The flags of the command line, read by CLI11.
class Flags {
 public:
  Flags()
      : app_("Tracks connections for sensors that send it packet metadata.", "conntrack-server") {
    app_.set_help_flag();
    app_.allow_extras();
    app_.footer(FooterText());
    config_ = app_.add_option("--config", "Configuration file, YAML")->type_name("FILE");
    help_ = AddSwitch("-h,--help", "Print this and end");
    version_ = AddSwitch("-V,--version", "Print the version and end");
    check_ = AddSwitch("--check-config", "Check the configuration and its files, and end");
    print_ = AddSwitch("--print-config", "Print the configuration in effect, and end");
    const ServerConfig defaults;
    for (const Setting& setting : SettingTable()) {
      CLI::Option* option = nullptr;
      if (setting.is_switch) {
        option = AddSwitch(setting.Flag(),
                           absl::StrCat(setting.help, ", default ", setting.get(defaults)));
      } else {
        option = app_.add_option(setting.Flag(), setting.help)
                     ->type_name(setting.value_name)
                     ->default_str(setting.get(defaults));
      }
      option->group(setting.group)->take_last();
      options_.emplace_back(&setting, option);
    }
    for (CLI::Option* option : {config_, help_, version_, check_, print_}) option->take_last();
  }

  manual::Command Tree() const { return manual::TreeOf(app_); }

  absl::Status Parse(std::span<const std::string> arguments) {
    // CLI11 reads "--flag=" as a flag whose value follows.
    std::vector<std::string> reversed;
    for (const std::string& argument : arguments) {
      if (absl::StartsWith(argument, "--") && absl::EndsWith(argument, "=")) {
        reversed.push_back(argument.substr(0, argument.size() - 1));
        reversed.emplace_back();
      } else {
        reversed.push_back(argument);
      }
    }
    std::reverse(reversed.begin(), reversed.end());
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
      return absl::InvalidArgumentError(absl::StrReplaceAll(error.what(), {{"\n", " "}}));
    }
    if (const std::vector<std::string> extras = app_.remaining(); !extras.empty()) {
      std::vector<std::string> known = {"--config", "--help", "--version", "--check-config",
                                        "--print-config"};
      for (const auto& [setting, option] : options_) known.push_back(setting->Flag());
      const std::string name = extras[0].substr(0, extras[0].find('='));
      const bool is_flag = absl::StartsWith(name, "-") && name != "--";
      return absl::InvalidArgumentError(absl::StrCat(
          is_flag ? "unknown flag " : "unexpected argument ", name, DidYouMean(name, known)));
    }
    return absl::OkStatus();
  }

  // CLI11 stores the text of each; the last one counts.
  absl::Status Apply(ServerConfig* config) const {
    for (const auto& [setting, option] : options_) {
      if (option->count() == 0) continue;
      if (absl::Status status = setting->set(option->results().back(), config); !status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(setting->Flag(), ": ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  bool help() const { return help_->count() > 0; }
  bool version() const { return version_->count() > 0; }
  bool check() const { return check_->count() > 0; }
  bool print() const { return print_->count() > 0; }
  std::optional<std::string> config() const {
    if (config_->count() == 0) return std::nullopt;
    return config_->results().back();
  }
  std::string HelpText() const { return app_.help(); }

 private:
  // CLI11 takes an rvalue for a variable.
  CLI::Option* AddSwitch(const std::string& name, const std::string& help) {
    return app_.add_flag(name, help);
  }

  CLI::App app_;
  CLI::Option* config_;
  CLI::Option* help_;
  CLI::Option* version_;
  CLI::Option* check_;
  CLI::Option* print_;
  std::vector<std::pair<const Setting*, CLI::Option*>> options_;
};

absl::Status ApplyEnvironment(const std::map<std::string, std::string>& variables,
                              ServerConfig* config) {
  for (const Setting& setting : SettingTable()) {
    const auto found = variables.find(setting.Variable());
    if (found == variables.end()) continue;
    if (absl::Status status = setting.set(found->second, config); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(found->first, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ServerConfig> ReadConfig(const Flags& flags,
                                        const std::map<std::string, std::string>& variables) {
  ServerConfig config;
  std::vector<ZoneOverride> zones;
  std::optional<std::string> path = flags.config();
  if (const auto found = variables.find(kConfigVariable); !path && found != variables.end()) {
    path = found->second;
  }
  if (path.has_value()) {
    absl::StatusOr<std::vector<ZoneOverride>> read = ReadConfigFile(*path, &config);
    if (!read.ok()) return read.status();
    zones = *std::move(read);
  }
  if (absl::Status status = ApplyEnvironment(variables, &config); !status.ok()) return status;
  if (absl::Status status = flags.Apply(&config); !status.ok()) return status;
  if (absl::Status status = ApplyZoneOverrides(zones, &config); !status.ok()) return status;
  if (absl::Status status = config.Validate(); !status.ok()) return status;
  return config;
}

}  // namespace

manual::Command FlagTree() {
  manual::Command tree = Flags().Tree();
  tree.app = nullptr;
  return tree;
}

absl::StatusOr<CommandLine> ParseCommandLine(std::span<const std::string> arguments,
                                             std::span<const std::string> environment) {
  Flags flags;
  if (absl::Status status = flags.Parse(arguments); !status.ok()) return status;
  CommandLine command;
  if (flags.help() || flags.version()) {
    command.action = CommandLine::Action::kPrint;
    command.text = flags.help() ? flags.HelpText() : absl::StrCat(Software(), "\n");
    return command;
  }
  const auto variables = ReadEnvironment(environment);
  if (!variables.ok()) return variables.status();
  absl::StatusOr<ServerConfig> config = ReadConfig(flags, *variables);
  if (!config.ok()) return config.status();
  command.config = *std::move(config);
  if (flags.print()) {
    command.action = CommandLine::Action::kPrint;
    command.text = PrintConfig(command.config);
  } else if (flags.check()) {
    command.action = CommandLine::Action::kCheckConfig;
  }
  return command;
}

}  // namespace conntrack
