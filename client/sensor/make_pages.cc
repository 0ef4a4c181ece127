// Writes conntrack-sensor(8) below a directory, which has man8:
//
//   make-conntrack-sensor-pages DIRECTORY DATE
#include <cstdio>

#include "client/sensor/exit_code.h"
#include "client/sensor/manual.h"
#include "client/sensor/options.h"
#include "docs/manual/manual_page.h"

int main(int argc, char** argv) {
  namespace manual = conntrack::manual;
  namespace sensor = conntrack::sensor;
  if (argc != 3) {
    std::fprintf(stderr, "usage: make-conntrack-sensor-pages DIRECTORY DATE\n");
    return sensor::kExitUsage;
  }
  manual::PageFrame frame;
  frame.program = "conntrack-sensor";
  frame.version = sensor::kVersion;
  frame.date = argv[2];
  frame.section = 8;
  frame.exit_codes = sensor::MeaningOfExitCodes();
  frame.files = {{"/etc/conntrack/sensor.env", "settings of the services conntrack-sensor@"},
                 {"/etc/conntrack/sensor-INTERFACE.env", "those of one interface"}};
  frame.related = {"conntrack-server(8)", "conntrackctl(1)", "pcap-filter(7)"};
  const manual::Command tree = sensor::FlagTree();
  const bool written = manual::WritePage(
      argv[1], frame, tree, manual::ManualPage(frame, tree, tree, sensor::SensorManual()));
  return written ? sensor::kExitOk : sensor::kExitInput;
}
