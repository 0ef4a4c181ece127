// The sensor's command line: flags, their environment variables, defaults and
// help.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client/sensor/capture.h"
#include "conntrack/channel.h"
#include "conntrack/v1/types.pb.h"
#include "docs/manual/command_tree.h"

namespace conntrack::sensor {

enum class OutputFormat { kText, kJson };

struct Options {
  client::ChannelOptions channel;
  // The input: a file when `read_file` is not empty, else the interface.
  std::string read_file;
  InterfaceOptions interface;
  std::string sensor_id;
  uint32_t zone = 0;
  v1::Clock clock = v1::CLOCK_PACKET;
  double speed = 0;  // See ParseSpeed.
  Checksums checksums = Checksums::kVerify;
  uint64_t buffer_bytes_max = 64u << 20;
  uint32_t batch_packets_max = 4'096;
  std::chrono::milliseconds batch_delay{50};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds finish_timeout{30'000};
  OutputFormat output = OutputFormat::kText;
};

// The options of a command line and the environment. No value when the program
// has to exit at once with `*exit_code`, having printed its help, version or
// error.
std::optional<Options> ParseOptions(int argc, const char* const* argv, int* exit_code);

// The flags, as the manual page tells of them.
manual::Command FlagTree();

}  // namespace conntrack::sensor
