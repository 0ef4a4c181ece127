#include "server/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "server/config_settings.h"

namespace conntrack {
namespace {

using ::testing::HasSubstr;
using Texts = std::vector<std::string>;

CommandLine Parse(const Texts& arguments, const Texts& environment = {}) {
  const auto command = ParseCommandLine(arguments, environment);
  EXPECT_TRUE(command.ok()) << command.status();
  return command.ok() ? *command : CommandLine();
}

std::string ErrorOf(const Texts& arguments, const Texts& environment = {}) {
  return std::string(ParseCommandLine(arguments, environment).status().message());
}

// A file with a name of its own that goes when the test ends.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) {
    std::string path = ::testing::TempDir() + "conntrack-server-XXXXXX";
    const int fd = mkstemp(path.data());
    if (fd < 0) std::abort();
    path_ = path;
    std::ofstream(path_) << text;
  }
  ~ConfigFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(CommandLineTest, WithoutAnythingTheDefaultsServe) {
  const CommandLine command = Parse({});
  EXPECT_EQ(command.action, CommandLine::Action::kServe);
  EXPECT_EQ(command.config.listen, "127.0.0.1:50051");
  EXPECT_EQ(command.config.metrics_listen, "127.0.0.1:9464");
  EXPECT_EQ(command.config.slot_count, 256u);
}

TEST(CommandLineTest, TheEnvironmentIsOverTheFileAndFlagsAreOverBoth) {
  const ConfigFile file("zones_max: 1\nsensors_max: 1\nstreams_max: 1\nlog: {level: warn}\n");
  const Texts environment = {"CONNTRACK_SERVER_SENSORS_MAX=2", "CONNTRACK_SERVER_STREAMS_MAX=2",
                             "CONNTRACK_SERVER_CONFIG=" + file.path(), "PATH=/bin"};
  const ServerConfig config = Parse({"--streams-max", "3"}, environment).config;
  EXPECT_EQ(config.zones_max, 1u);
  EXPECT_EQ(config.sensors_max, 2u);
  EXPECT_EQ(config.streams_max, 3u);
  EXPECT_EQ(config.watchers_max, 1024u);
  EXPECT_EQ(config.log.level, LogLevel::kWarn);
}

TEST(CommandLineTest, TheFileOfTheFlagIsReadInsteadOfTheEnvironments) {
  const ConfigFile file("zones_max: 1\n");
  const Texts environment = {"CONNTRACK_SERVER_CONFIG=/nowhere"};
  EXPECT_EQ(Parse({"--config", file.path()}, environment).config.zones_max, 1u);
  EXPECT_EQ(ErrorOf({}, environment),
            "cannot read configuration file /nowhere: No such file or directory");
}

TEST(CommandLineTest, FlagsChangeTheDefaultsOfZonesInTheFile) {
  const ConfigFile file("zones: [{zone: 5, checksum: false}]\n");
  const ServerConfig config =
      Parse({"--config=" + file.path(), "--zone-defaults-timeouts-udp=7s"}).config;
  EXPECT_FALSE(config.SettingsOf(5).checksum);
  EXPECT_EQ(config.SettingsOf(5).udp, std::chrono::seconds(7));
}

TEST(CommandLineTest, AnEmptyValueSwitchesMetricsOff) {
  EXPECT_EQ(Parse({"--metrics-listen", ""}).config.metrics_listen, "");
  EXPECT_EQ(Parse({"--metrics-listen=", "--insecure"}).config.metrics_listen, "");
  EXPECT_TRUE(Parse({"--metrics-listen=", "--insecure"}).config.insecure);
  EXPECT_EQ(Parse({}, {"CONNTRACK_SERVER_METRICS_LISTEN="}).config.metrics_listen, "");
}

TEST(CommandLineTest, ASwitchMayStandAloneOrSayFalse) {
  EXPECT_TRUE(Parse({"--insecure"}).config.insecure);
  EXPECT_FALSE(Parse({"--insecure=false"}, {"CONNTRACK_SERVER_INSECURE=true"}).config.insecure);
  EXPECT_FALSE(Parse({"--zone-defaults-tcp-loose=false"}).config.zone_defaults.tcp.loose);
}

TEST(CommandLineTest, TheLastOfAFlagGivenTwiceCounts) {
  EXPECT_EQ(Parse({"--zones-max=5", "--zones-max", "6"}).config.zones_max, 6u);
}

TEST(CommandLineTest, WhatKubernetesSetsForAServiceIsIgnored) {
  Parse({},
        {"CONNTRACK_SERVER_PORT=tcp://10.0.0.1:50051",
         "CONNTRACK_SERVER_PORT_50051_TCP=tcp://10.0.0.1:50051",
         "CONNTRACK_SERVER_PORT_50051_TCP_ADDR=10.0.0.1", "CONNTRACK_SERVER_SERVICE_HOST=10.0.0.1",
         "CONNTRACK_SERVER_SERVICE_PORT=50051", "CONNTRACK_SERVER_SERVICE_PORT_GRPC=50051",
         "CONNTRACK_SERVER_METRICS_SERVICE_HOST=10.0.0.1",
         "CONNTRACK_SERVER_METRICS_PORT=tcp://10.0.0.1:9464",
         "CONNTRACK_SERVER_METRICS_PORT_9464_TCP_PROTO=tcp"});
}

TEST(CommandLineTest, ErrorsNameTheFlagOrTheVariable) {
  struct Row {
    Texts arguments;
    Texts environment;
    const char* error;
  };
  const Row rows[] = {
      {{"--zone-max", "3"}, {}, "unknown flag --zone-max; did you mean --zones-max?"},
      {{"--zone-max=3"}, {}, "unknown flag --zone-max; did you mean --zones-max?"},
      {{"--confg", "f"}, {}, "unknown flag --confg; did you mean --config?"},
      {{"-x"}, {}, "unknown flag -x"},
      {{"serve"}, {}, "unexpected argument serve"},
      {{"--zones-max", "0"}, {}, "--zones-max: 0 is not between 1 and 65535"},
      {{"--insecure=maybe"}, {}, "--insecure: \"maybe\" is neither true nor false"},
      {{"--tls-client-auth", "must"},
       {},
       "--tls-client-auth: \"must\" is not one of none|optional|required"},
      {{"--drain-timeout", "5"},
       {},
       "--drain-timeout: \"5\" is not a duration such as 100ms, 30s, 1h30m or 5d"},
      {{"--slot-count", "3"}, {}, "slot_count 3 is not a power of two"},
      {{"--listen", "here"}, {}, "listen \"here\" is not host:port, [ipv6]:port or unix:/path"},
      {{"--listen="}, {}, "listen \"\" is not host:port, [ipv6]:port or unix:/path"},
      {{"--metrics-listen", "unix:/a"},
       {},
       "metrics_listen \"unix:/a\" is a Unix socket: metrics need host:port"},
      {{"--tls-cert", "a"}, {}, "tls.cert is set but tls.key is not"},
      {{"--tls-key", "a"}, {}, "tls.key is set but tls.cert is not"},
      {{"--tls-client-ca", "a"}, {}, "tls.client_ca is set but tls.cert is not"},
      {{"--tls-cert=a", "--tls-key=b", "--tls-client-ca=c"},
       {},
       "tls.client_ca is set but tls.client_auth is none; set optional or required"},
      {{"--tls-cert=a", "--tls-key=b", "--tls-client-auth=required"},
       {},
       "tls.client_auth asks for certificates but tls.client_ca is not set"},
      {{},
       {"CONNTRACK_SERVER_ZONES_MAX=many"},
       "CONNTRACK_SERVER_ZONES_MAX: \"many\" is not a whole number"},
      {{},
       {"CONNTRACK_SERVER_ZONE_MAX=3"},
       "unknown environment variable CONNTRACK_SERVER_ZONE_MAX; did you mean "
       "CONNTRACK_SERVER_ZONES_MAX?"},
      {{}, {"CONNTRACK_SERVER_=3"}, "unknown environment variable CONNTRACK_SERVER_"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(ErrorOf(row.arguments, row.environment), row.error);
  }
}

TEST(CommandLineTest, AFlagWithoutItsValueIsAnError) {
  EXPECT_THAT(ErrorOf({"--listen"}), HasSubstr("--listen"));
}

TEST(CommandLineTest, MoreZonesThanAllowedAreAnError) {
  const ConfigFile file("zones: [{zone: 1}, {zone: 2}]\nzones_max: 1\n");
  EXPECT_EQ(ErrorOf({"--config", file.path()}), "zones lists 2 zones, above zones_max 1");
}

TEST(CommandLineTest, HelpNamesEverySettingAndNeedsNoGoodConfiguration) {
  const CommandLine command = Parse({"--help"}, {"CONNTRACK_SERVER_NONSENSE=1"});
  EXPECT_EQ(command.action, CommandLine::Action::kPrint);
  for (const Setting& setting : SettingTable()) {
    EXPECT_THAT(command.text, ::testing::ContainsRegex("  " + setting.Flag() + "[ \n]"));
  }
}

TEST(CommandLineTest, VersionIsOneLine) {
  const CommandLine command = Parse({"--version"});
  EXPECT_EQ(command.action, CommandLine::Action::kPrint);
  EXPECT_THAT(command.text, ::testing::MatchesRegex("conntrack-server [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLineTest, PrintConfigShowsWhatIsInEffect) {
  const CommandLine command = Parse({"--print-config", "--zones-max=77"});
  EXPECT_EQ(command.action, CommandLine::Action::kPrint);
  EXPECT_THAT(command.text, HasSubstr("zones_max: 77\n"));
  EXPECT_THAT(command.text, HasSubstr("tcp:\n    loose: true\n"));
}

TEST(CommandLineTest, CheckConfigIsAnActionOfItsOwn) {
  EXPECT_EQ(Parse({"--check-config"}).action, CommandLine::Action::kCheckConfig);
}

TEST(CommandLineTest, NoTwoSettingsShareAFlagOrAVariable) {
  std::set<std::string> flags;
  std::set<std::string> variables;
  for (const Setting& setting : SettingTable()) {
    EXPECT_TRUE(flags.insert(setting.Flag()).second) << setting.name;
    EXPECT_TRUE(variables.insert(setting.Variable()).second) << setting.name;
  }
}

}  // namespace
}  // namespace conntrack
