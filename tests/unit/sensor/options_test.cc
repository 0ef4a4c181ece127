#include "client/sensor/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <initializer_list>
#include <vector>

namespace conntrack::sensor {
namespace {

std::optional<Options> Parse(std::initializer_list<const char*> arguments, int* exit_code) {
  std::vector<const char*> argv = {"conntrack-sensor"};
  argv.insert(argv.end(), arguments);
  return ParseOptions(static_cast<int>(argv.size()), argv.data(), exit_code);
}

Options ParseGood(std::initializer_list<const char*> arguments) {
  int exit_code = -1;
  const std::optional<Options> options = Parse(arguments, &exit_code);
  EXPECT_TRUE(options.has_value()) << exit_code;
  return options.value_or(Options{});
}

// Sets a variable for as long as it lives.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~ScopedVariable() { unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* const name_;
};

TEST(OptionsTest, ClockFollowsTheInput) {
  EXPECT_EQ(ParseGood({"--read", "a.pcap"}).clock, v1::CLOCK_PACKET);
  EXPECT_EQ(ParseGood({"--interface", "eth0"}).clock, v1::CLOCK_SERVER);
  EXPECT_EQ(ParseGood({"--interface", "eth0", "--clock", "packet"}).clock, v1::CLOCK_PACKET);
}

TEST(OptionsTest, SensorIdDefaultsToAName) {
  const std::string id = ParseGood({"--read", "a.pcap"}).sensor_id;
  EXPECT_GE(id.size(), 1u);
  EXPECT_LE(id.size(), 63u);
}

TEST(OptionsTest, FlagsAreTaken) {
  const Options options = ParseGood({"--read",
                                     "a.pcap",
                                     "--zone",
                                     "4294967295",
                                     "--sensor-id",
                                     "tap-1",
                                     "--speed",
                                     "10x",
                                     "--buffer-bytes",
                                     "2097152",
                                     "-o",
                                     "json",
                                     "--server",
                                     "host:1",
                                     "--tls-ca",
                                     "ca.pem",
                                     "--tls-server-name",
                                     "name",
                                     "--batch-delay",
                                     "20"});
  EXPECT_EQ(options.zone, 4'294'967'295u);
  EXPECT_EQ(options.sensor_id, "tap-1");
  EXPECT_EQ(options.speed, 10.0);
  EXPECT_EQ(options.buffer_bytes_max, 2'097'152u);
  EXPECT_EQ(options.output, OutputFormat::kJson);
  EXPECT_EQ(options.channel.server, "host:1");
  EXPECT_EQ(options.channel.tls_ca_file, "ca.pem");
  EXPECT_EQ(options.channel.tls_server_name, "name");
  EXPECT_EQ(options.batch_delay.count(), 20);
}

TEST(OptionsTest, EnvironmentStandsInForFlagsAndYieldsToThem) {
  const ScopedVariable read("CONNTRACK_SENSOR_READ", "b.pcap");
  const ScopedVariable zone("CONNTRACK_SENSOR_ZONE", "7");
  const ScopedVariable id("CONNTRACK_SENSOR_SENSOR_ID", "from-environment");
  const ScopedVariable promiscuous("CONNTRACK_SENSOR_PROMISCUOUS", "true");
  const ScopedVariable output("CONNTRACK_SENSOR_OUTPUT", "json");
  const Options options = ParseGood({"--zone", "8"});
  EXPECT_EQ(options.read_file, "b.pcap");
  EXPECT_EQ(options.zone, 8u);
  EXPECT_EQ(options.sensor_id, "from-environment");
  EXPECT_TRUE(options.interface.promiscuous);
  EXPECT_EQ(options.output, OutputFormat::kJson);
}

TEST(OptionsTest, AnAddressStandsForTheNumberOfAZone) {
  EXPECT_EQ(ParseGood({"--read", "a"}).zone, 0u);
  EXPECT_EQ(ParseGood({"--read", "a", "--zone", "10.0.0.7"}).zone, 0x0A000007u);
  EXPECT_EQ(ParseGood({"--read", "a", "--zone", "255.255.255.255"}).zone, 0xFFFFFFFFu);
}

TEST(OptionsTest, BadValuesExitWithOne) {
  const std::initializer_list<const char*> bad[] = {
      {},
      {"--read", "a", "--interface", "b"},
      {"--read", "a", "--zone", "-1"},
      {"--read", "a", "--zone", "4294967296"},
      {"--read", "a", "--zone", ""},
      {"--read", "a", "--zone", "7a"},
      {"--read", "a", "--zone", "10.0.0"},
      {"--read", "a", "--zone", "::1"},
      {"--read", "a", "--speed", "fast"},
      {"--read", "a", "--clock", "sun"},
      {"--read", "a", "--buffer-bytes", "10"},
      {"--read", "a", "--batch-packets", "0"},
      {"--read", "a", "--batch-packets", "4097"},
      {"--interface", "a", "--snaplen", "10"},
      {"--read", "a", "-o", "xml"},
      {"--read", "a", "--no-such-flag"},
      {"--read", "a", "stray"},
  };
  for (const auto& arguments : bad) {
    int exit_code = -1;
    EXPECT_FALSE(Parse(arguments, &exit_code).has_value());
    EXPECT_EQ(exit_code, 1);
  }
}

TEST(OptionsTest, HelpAndVersionExitWithZero) {
  for (const char* flag : {"--help", "--version"}) {
    int exit_code = -1;
    EXPECT_FALSE(Parse({flag}, &exit_code).has_value());
    EXPECT_EQ(exit_code, 0);
  }
}

}  // namespace
}  // namespace conntrack::sensor
