// conntrack-sensor: packets in, metadata to the server.
#include <cstdio>
#include <optional>
#include <string>

#include "client/sensor/exit_code.h"
#include "client/sensor/options.h"
#include "client/sensor/run.h"
#include "client/sensor/stop_signal.h"

int main(int argc, char** argv) {
  using conntrack::sensor::Options;
  int exit_code = conntrack::sensor::kExitOk;
  const std::optional<Options> options = conntrack::sensor::ParseOptions(argc, argv, &exit_code);
  if (!options.has_value()) return exit_code;
  // Before gRPC starts its threads.
  conntrack::sensor::StopSignal stop;
  if (const absl::Status installed = stop.Install(); !installed.ok()) {
    std::fprintf(stderr, "conntrack-sensor: %s\n", std::string(installed.message()).c_str());
    return conntrack::sensor::kExitUsage;
  }
  return conntrack::sensor::Run(*options, stop);
}
