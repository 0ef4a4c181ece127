#include "server/config_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "server/config_settings.h"

namespace conntrack {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

ServerConfig Read(const std::string& text) {
  ServerConfig config;
  const auto zones = ReadConfigText("c.yaml", text, &config);
  EXPECT_TRUE(zones.ok()) << zones.status();
  if (zones.ok()) {
    const absl::Status status = ApplyZoneOverrides(*zones, &config);
    EXPECT_TRUE(status.ok()) << status;
  }
  return config;
}

std::string ErrorOf(const std::string& text) {
  ServerConfig config;
  const auto zones = ReadConfigText("c.yaml", text, &config);
  if (!zones.ok()) return std::string(zones.status().message());
  return std::string(ApplyZoneOverrides(*zones, &config).message());
}

TEST(ConfigFileTest, AnEmptyFileSetsNothing) {
  EXPECT_EQ(PrintConfig(Read("")), PrintConfig(ServerConfig()));
  EXPECT_EQ(PrintConfig(Read("# nothing\ntls:\nzones:\n")), PrintConfig(ServerConfig()));
}

TEST(ConfigFileTest, SettingsAreReadByTheirNames) {
  const ServerConfig config = Read(R"(
listen: 0.0.0.0:1
metrics_listen: ""
tls:
  cert: a.pem
  client_auth: required
message_bytes_max: 8MiB
zone_defaults:
  connections_max: 7
  tcp: {established: 1h, loose: false}
  timeouts:
    udp: 10s
log: {level: debug, format: json}
)");
  EXPECT_EQ(config.listen, "0.0.0.0:1");
  EXPECT_EQ(config.metrics_listen, "");
  EXPECT_EQ(config.tls.cert, "a.pem");
  EXPECT_EQ(config.tls.client_auth, ClientAuth::kRequired);
  EXPECT_EQ(config.message_bytes_max, 8u << 20);
  EXPECT_EQ(config.zone_defaults.connections_max, 7u);
  EXPECT_EQ(config.zone_defaults.tcp.TimeoutOf(TcpState::kEstablished), hours(1));
  EXPECT_FALSE(config.zone_defaults.tcp.loose);
  EXPECT_EQ(config.zone_defaults.udp, seconds(10));
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
}

TEST(ConfigFileTest, AZoneDiffersFromTheDefaultsOnlyInWhatItSays) {
  const ServerConfig config = Read(R"(
zones:
  - zone: 5
    connections_max: 100
    tcp: {established: 10m}
zone_defaults:
  tcp: {established: 1h, close: 3s}
)");
  EXPECT_EQ(config.SettingsOf(5).connections_max, 100u);
  EXPECT_EQ(config.SettingsOf(5).tcp.TimeoutOf(TcpState::kEstablished), minutes(10));
  EXPECT_EQ(config.SettingsOf(5).tcp.TimeoutOf(TcpState::kClose), seconds(3));
  EXPECT_EQ(config.SettingsOf(6), config.zone_defaults);
}

TEST(ConfigFileTest, ErrorsNameThePlace) {
  struct Row {
    const char* text;
    const char* error;
  };
  const Row rows[] = {
      {"listn: a:1", "c.yaml:1:1: unknown key listn; did you mean listen?"},
      {"listen: a:1\n  \ntls:\n  crt: x\n",
       "c.yaml:4:3: unknown key tls.crt; did you mean tls.cert?"},
      {"tsl: {}", "c.yaml:1:1: unknown key tsl; did you mean tls?"},
      {"zone: 3", "c.yaml:1:1: unknown key zone; did you mean zones?"},
      {"something_else_entirely: 3", "c.yaml:1:1: unknown key something_else_entirely"},
      {"zones_max: 0", "c.yaml:1:12: zones_max: 0 is not between 1 and 65535"},
      {"zones_max: [1]", "c.yaml:1:1: zones_max needs one value"},
      {"zones_max:", "c.yaml:1:1: zones_max needs one value"},
      {"tls: yes", "c.yaml:1:1: tls needs a map of settings"},
      {"insecure: yes", "c.yaml:1:11: insecure: \"yes\" is neither true nor false"},
      {"listen: a:1\nlisten: b:1", "c.yaml:2:1: key listen stands twice"},
      {"tls: {key: a, key: b}", "c.yaml:1:15: key tls.key stands twice"},
      {"- listen", "c.yaml:1:1: the file is not a map of settings"},
      {"[a]: b", "c.yaml:1:1: a key is not a plain word"},
      {"listen: 'a", "c.yaml:1:11: illegal EOF in scalar"},
      {"zones: 5", "c.yaml:1:8: zones needs a list"},
      {"zones:\n- 5", "c.yaml:2:3: an entry of zones needs a map with the key zone"},
      {"zones:\n- checksum: true",
       "c.yaml:2:3: an entry of zones needs the key zone with a number"},
      {"zones:\n- zone: -1", "c.yaml:2:9: zone: \"-1\" is not a whole number"},
      {"zones:\n- zone: 4294967296",
       "c.yaml:2:9: zone: 4294967296 is not between 0 and 4294967295"},
      {"zones:\n- zone: 1\n- zone: 1", "c.yaml:3:3: zone 1 stands twice"},
      {"zones:\n- {zone: 1, tcp: {etablished: 1s}}",
       "c.yaml:2:19: unknown key tcp.etablished; did you mean tcp.established?"},
      {"zones:\n- {zone: 1, tcp: {established: 41d}}",
       "c.yaml:2:32: zone 1: tcp.established: 41d is not between 1ms and 40d"},
  };
  for (const Row& row : rows) EXPECT_EQ(ErrorOf(row.text), row.error) << row.text;
}

TEST(ConfigFileTest, WhatIsPrintedIsReadBack) {
  ServerConfig config = Read(R"(
listen: unix:/run/ct.sock
metrics_listen: ""
slot_hash_seed: 0xffffffffffffffff
drain_timeout: 45m
zones: [{zone: 4294967295, checksum: false}, {zone: 0, timeouts: {icmp: 1ms}}]
)");
  const std::string text = PrintConfig(config);
  const ServerConfig again = Read(text);
  EXPECT_EQ(PrintConfig(again), text);
  EXPECT_EQ(again.listen, "unix:/run/ct.sock");
  EXPECT_EQ(again.metrics_listen, "");
  EXPECT_EQ(again.slot_hash_seed, UINT64_MAX);
  EXPECT_EQ(again.drain_timeout, minutes(45));
  EXPECT_EQ(again.zones, config.zones);
  EXPECT_EQ(again.zones.size(), 2u);
}

TEST(ConfigFileTest, AFileThatCannotBeReadIsNamed) {
  ServerConfig config;
  EXPECT_EQ(ReadConfigFile("/nowhere/c.yaml", &config).status().message(),
            "cannot read configuration file /nowhere/c.yaml: No such file or directory");
  EXPECT_EQ(ReadConfigFile("/", &config).status().message(),
            "cannot read configuration file /: Is a directory");
}

TEST(ConfigFileTest, EverySettingReadsItsOwnDefault) {
  const ServerConfig defaults;
  for (const Setting& setting : SettingTable()) {
    ServerConfig config;
    const absl::Status status = setting.set(setting.get(defaults), &config);
    EXPECT_TRUE(status.ok()) << setting.name << ": " << status;
    EXPECT_EQ(setting.get(config), setting.get(defaults)) << setting.name;
  }
}

}  // namespace
}  // namespace conntrack
