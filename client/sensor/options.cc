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

#include "client/sensor/exit_code.h"
#include "client/sensor/pacing.h"

namespace conntrack::sensor {
namespace {

constexpr char kDescription[] =
    "Reads packets from a capture file or a network interface and sends their\n"
    "metadata to conntrack-server. Payload never leaves this machine.";

constexpr char kFooter[] =
    "Every flag can also be given in the environment: --sensor-id as\n"
    "CONNTRACK_SENSOR_SENSOR_ID and so on. A flag beats the environment.\n"
    "\n"
    "The summary goes to standard output, everything else to standard error.\n"
    "SIGINT or SIGTERM ends the capture, sends the rest and waits for its\n"
    "acknowledgement; a second one ends the program at once.\n"
    "\n"
    "Exit codes:\n"
    "  0  everything that was read is accounted for and acknowledged\n"
    "  1  a flag, an environment variable or a TLS file is wrong\n"
    "  2  the file or interface cannot be opened, or is no capture\n"
    "  3  the capture has a link type that the sensor does not read\n"
    "  4  the file is damaged or truncated, or the interface failed; what was\n"
    "     read before was sent and acknowledged\n"
    "  5  the server was not reached, refused the sensor or a batch, or did not\n"
    "     acknowledge everything in time\n"
    "  6  the counts do not add up: a bug\n"
    "\n"
    "Examples:\n"
    "  conntrack-sensor --read traffic.pcap\n"
    "  zcat big.pcap.gz | conntrack-sensor --read - --zone 7\n"
    "  conntrack-sensor --interface eth0 --filter 'not port 50051'\n"
    "  conntrack-sensor --read traffic.pcap --speed 10x -o json";

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
                                     "Capture file (pcap or pcapng) to read; - is standard input");
  CLI::Option* interface =
      app.add_option("--interface", options.interface.name,
                     "Interface to capture on. 'any' sees a forwarded packet more than once");
  read->excludes(interface);
  app.add_option("--filter", options.interface.filter,
                 "Take only packets that match this pcap-filter(7) expression");
  app.add_option("--checksum", raw.checksum,
                 "verify checksums, or ignore them: for captures that were changed after they\n"
                 "were taken, such as anonymised ones")
      ->check(CLI::IsMember({"verify", "ignore"}));
  app.add_option("--snaplen", options.interface.snaplen_bytes,
                 "Bytes to keep of each live packet; fewer than the packet has leave its\n"
                 "checksum unknown")
      ->check(CLI::Range(96, 262'144));
  app.add_flag("--promiscuous", options.interface.promiscuous,
               "Take packets for other hosts too (live)");
  app.add_option("--ring-bytes", options.interface.ring_bytes,
                 "Memory of the kernel's capture ring (live)")
      ->check(CLI::Range(1 << 20, 1 << 30));
  app.add_option("--speed", raw.speed,
                 "Replay a file as fast as possible (max), as recorded, or at a factor (10x)");
}

void AddIdentityFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--zone", raw.zone,
                 "Zone that the packets belong to: a number, or an IPv4 address, which\n"
                 "stands for its number: so each host of a fleet has a zone of its own");
  app.add_option("--sensor-id", options.sensor_id,
                 "Name of this sensor: 1 to 63 of [A-Za-z0-9._-]");
  app.add_option("--clock", raw.clock,
                 "Clock of the zone: packet (default for files) or server (default live)")
      ->check(CLI::IsMember({"packet", "server"}));
}

void AddServerFlags(CLI::App& app, Options& options, RawOptions& raw) {
  app.add_option("--server", options.channel.server, "Address of the server, host:port");
  app.add_flag("--tls", options.channel.tls, "Use TLS; implied by the files below");
  app.add_option("--tls-ca", options.channel.tls_ca_file,
                 "PEM file of the authorities that may sign the server's certificate");
  app.add_option("--tls-cert", options.channel.tls_certificate_file,
                 "PEM file of this sensor's own certificate");
  app.add_option("--tls-key", options.channel.tls_key_file, "PEM file of its key");
  app.add_option("--tls-server-name", options.channel.tls_server_name,
                 "Name expected in the server's certificate");
  app.add_option("--buffer-bytes", options.buffer_bytes_max,
                 "Most bytes of unacknowledged batches kept; a file waits when it is full,\n"
                 "live traffic is dropped and counted")
      ->check(CLI::Range(uint64_t{1} << 20, uint64_t{1} << 40));
  app.add_option("--batch-packets", options.batch_packets_max,
                 "Most packets in a batch; the server may ask for fewer")
      ->check(CLI::Range(1, 4'096));
  app.add_option("--batch-delay", raw.batch_delay_ms,
                 "Milliseconds after which a batch is sent though it is not full")
      ->check(CLI::Range(1, 60'000));
  app.add_option("--connect-timeout", raw.connect_timeout_ms,
                 "Milliseconds to wait for the server at the start")
      ->check(CLI::Range(1, 3'600'000));
  app.add_option("--finish-timeout", raw.finish_timeout_ms,
                 "Milliseconds to wait for the last acknowledgements")
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

}  // namespace

std::optional<Options> ParseOptions(int argc, const char* const* argv, int* exit_code) {
  Options options;
  options.sensor_id = DefaultSensorId();
  RawOptions raw;
  CLI::App app{kDescription, "conntrack-sensor"};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("conntrack-sensor ") + kVersion);
  AddInputFlags(app, options, raw);
  AddIdentityFlags(app, options, raw);
  AddServerFlags(app, options, raw);
  app.add_option("-o,--output", raw.output, "Form of the summary: text or json")
      ->check(CLI::IsMember({"text", "json"}));
  NameInEnvironment(app);

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
