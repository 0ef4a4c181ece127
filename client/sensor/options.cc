#include "client/sensor/options.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <iostream>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/sensor/exit_code.h"
#include "client/sensor/manual.h"
#include "client/sensor/pacing.h"

namespace conntrack::sensor {
namespace {

constexpr char kProgram[] = "conntrack-sensor";
constexpr char kDescription[] =
    "Reads packets from a capture file or a network interface and sends their\n"
    "metadata to conntrack-server. Payload never leaves this machine.";

std::string FooterText() {
  std::string text = manual::HelpFooter(SensorManual(), "Exit codes:");
  for (const auto& [code, meaning] : MeaningOfExitCodes()) {
    absl::StrAppend(&text, "  ", code, "  ", meaning, "\n");
  }
  return text;
}

// The host's name, made to fit what names a sensor.
std::string DefaultSensorId() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "sensor";
  std::string id(name.data());
  std::replace_if(
      id.begin(), id.end(),
      [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '_' && c != '-'; }, '-');
  if (id.empty()) return "sensor";
  return id.substr(0, 63);
}

// "--sensor-id" -> "CONNTRACK_SENSOR_SENSOR_ID".
std::string EnvironmentName(const std::string& flag) {
  std::string name = "CONNTRACK_SENSOR_";
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

// What CLI11 writes into before it is checked and converted.
struct RawOptions {
  std::string zone = "0";
  std::string clock;
  std::string speed = "max";
  std::string checksum = "verify";
  std::string output = "text";
  int64_t batch_delay_ms = 50;
  int64_t connect_timeout_ms = 10'000;
  int64_t finish_timeout_ms = 30'000;
};

void AddInputFlags(CLI::App& app, Options& options, RawOptions& raw) {
  CLI::Option* read = app.add_option("--read", options.read_file,
                                     "Capture file (pcap or pcapng) to read; - is standard input")
                          ->type_name("FILE");
  CLI::Option* interface =
      app.add_option("--interface", options.interface.name,
                     "Interface to capture on. 'any' sees a forwarded packet more than once")
          ->type_name("INTERFACE");
  read->excludes(interface);
  app.add_option("--filter", options.interface.filter,
                 "Take only packets that match this pcap-filter(7) expression")
      ->type_name("EXPRESSION");
  app.add_option("--checksum", raw.checksum,
                 "verify checksums, or ignore them: for captures that were changed after they\n"
                 "were taken, such as anonymised ones")
      ->type_name("HOW")
      ->check(CLI::IsMember({"verify", "ignore"}));
  app.add_option("--snaplen", options.interface.snaplen_bytes,
                 "Bytes to keep of each live packet; fewer than the packet has leave its\n"
                 "checksum unknown")
      ->type_name("BYTES")
      ->check(CLI::Range(96, 262'144));
  app.add_flag("--promiscuous", options.interface.promiscuous,
               "Take packets for other hosts too (live)");
  app.add_option("--ring-bytes", options.interface.ring_bytes,
                 "Memory of the kernel's capture ring (live)")
      ->type_name("BYTES")
      ->check(CLI::Range(1 << 20, 1 << 30));
  app.add_option("--speed", raw.speed,
                 "Replay a file as fast as possible (max), as recorded, or at a factor (10x)")
      ->type_name("SPEED");
}

void AddIdentityFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--zone", raw.zone,
                 "Zone that the packets belong to: a number, or an IPv4 address, which\n"
                 "stands for its number: so each host of a fleet has a zone of its own")
      ->type_name("ZONE");
  app.add_option("--sensor-id", options.sensor_id,
                 "Name of this sensor, by default the host's: 1 to 63 of [A-Za-z0-9._-]")
      ->type_name("NAME");
  app.add_option("--clock", raw.clock,
                 "Clock of the zone: packet (default for files) or server (default live)")
      ->type_name("CLOCK")
      ->check(CLI::IsMember({"packet", "server"}));
}

void AddServerFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--server", options.channel.server, "Address of the server, host:port")
      ->type_name("HOST:PORT");
  app.add_flag("--tls", options.channel.tls, "Use TLS; implied by the files below");
  app.add_option("--tls-ca", options.channel.tls_ca_file,
                 "PEM file of the authorities that may sign the server's certificate")
      ->type_name("FILE");
  app.add_option("--tls-cert", options.channel.tls_certificate_file,
                 "PEM file of this sensor's own certificate")
      ->type_name("FILE");
  app.add_option("--tls-key", options.channel.tls_key_file, "PEM file of its key")
      ->type_name("FILE");
  app.add_option("--tls-server-name", options.channel.tls_server_name,
                 "Name expected in the server's certificate")
      ->type_name("NAME");
  app.add_option("--buffer-bytes", options.buffer_bytes_max,
                 "Most bytes of unacknowledged batches kept; a file waits when it is full,\n"
                 "live traffic is dropped and counted")
      ->type_name("BYTES")
      ->check(CLI::Range(uint64_t{1} << 20, uint64_t{1} << 40));
  app.add_option("--batch-packets", options.batch_packets_max,
                 "Most packets in a batch; the server may ask for fewer")
      ->type_name("N")
      ->check(CLI::Range(1, 4'096));
  app.add_option("--batch-delay", raw.batch_delay_ms,
                 "Milliseconds after which a batch is sent though it is not full")
      ->type_name("MS")
      ->check(CLI::Range(1, 60'000));
  app.add_option("--connect-timeout", raw.connect_timeout_ms,
                 "Milliseconds to wait for the server at the start")
      ->type_name("MS")
      ->check(CLI::Range(1, 3'600'000));
  app.add_option("--finish-timeout", raw.finish_timeout_ms,
                 "Milliseconds to wait for the last acknowledgements")
      ->type_name("MS")
      ->check(CLI::Range(1, 3'600'000));
}

// Each flag but those that only print.
void NameInEnvironment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string flag = option->get_single_name();
    if (flag == "help" || flag == "version") continue;
    option->envname(EnvironmentName(flag));
    if (option->get_items_expected_max() != 0) option->capture_default_str();
  }
}

// "10" or "10.0.0.7", which is 167772167.
std::optional<uint32_t> ParseZone(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) == 1) return ntohl(address.s_addr);
  uint32_t zone = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, zone);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return zone;
}

// "" or what is wrong.
std::string Convert(const RawOptions& raw, Options& options) {
  if (options.read_file.empty() == options.interface.name.empty()) {
    return "exactly one of --read and --interface is needed";
  }
  const std::optional<uint32_t> zone = ParseZone(raw.zone);
  if (!zone.has_value()) {
    return "--zone \"" + raw.zone + "\" is neither a number up to 4294967295 nor an IPv4 address";
  }
  options.zone = *zone;
  const absl::StatusOr<double> speed = ParseSpeed(raw.speed);
  if (!speed.ok()) return "--speed: " + std::string(speed.status().message());
  options.speed = *speed;
  if (raw.clock.empty()) {
    options.clock = options.read_file.empty() ? v1::CLOCK_SERVER : v1::CLOCK_PACKET;
  } else {
    options.clock = raw.clock == "packet" ? v1::CLOCK_PACKET : v1::CLOCK_SERVER;
  }
  options.checksums = raw.checksum == "ignore" ? Checksums::kIgnore : Checksums::kVerify;
  options.output = raw.output == "json" ? OutputFormat::kJson : OutputFormat::kText;
  options.batch_delay = std::chrono::milliseconds(raw.batch_delay_ms);
  options.connect_timeout = std::chrono::milliseconds(raw.connect_timeout_ms);
  options.finish_timeout = std::chrono::milliseconds(raw.finish_timeout_ms);
  return "";
}

void AddFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.footer(FooterText());
  app.set_version_flag("--version", std::string("conntrack-sensor ") + kVersion);
  AddInputFlags(app, options, raw);
  AddIdentityFlags(app, options, raw);
  AddServerFlags(app, options, raw);
  app.add_option("-o,--output", raw.output, "Form of the summary: text or json")
      ->type_name("FORM")
      ->check(CLI::IsMember({"text", "json"}));
  NameInEnvironment(app);
}

}  // namespace

manual::Command FlagTree() {
  // The name of the host that a page is made on is nobody's default.
  Options options;
  RawOptions raw;
  CLI::App app{kDescription, kProgram};
  AddFlags(app, options, raw);
  manual::Command tree = manual::TreeOf(app);
  tree.app = nullptr;
  return tree;
}

std::optional<Options> ParseOptions(int argc, const char* const* argv, int* exit_code) {
  Options options;
  options.sensor_id = DefaultSensorId();
  RawOptions raw;
  CLI::App app{kDescription, kProgram};
  AddFlags(app, options, raw);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with code 0.
    *exit_code = app.exit(error) == 0 ? kExitOk : kExitUsage;
    return std::nullopt;
  }
  const std::string wrong = Convert(raw, options);
  if (wrong.empty()) return options;
  std::cerr << "conntrack-sensor: " << wrong << "\nRun with --help for more information.\n";
  *exit_code = kExitUsage;
  return std::nullopt;
}

}  // namespace conntrack::sensor
