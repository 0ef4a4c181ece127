#include "client/sensor/manual.h"

#include "client/sensor/exit_code.h"

namespace conntrack::sensor {

manual::Manual SensorManual() {
  return {.notes =
              R"(Every flag can also be given in the environment: --sensor-id as
CONNTRACK_SENSOR_SENSOR_ID and so on. A flag beats the environment.

Live capture needs the capability CAP_NET_RAW and an interface; what the sensor
itself sends is best left out:

  conntrack-sensor --interface eth0 --filter 'not port 50051'

The summary goes to standard output, everything else to standard error.
SIGINT or SIGTERM ends the capture, sends the rest and waits for its
acknowledgement; a second one ends the program at once.)",
          .examples = {{"conntrack-sensor --read traffic.pcap --zone 2", "a capture"},
                       {"zcat traffic.pcap.gz | conntrack-sensor --read - --zone 7",
                        "one that is compressed"},
                       {"conntrack-sensor --read traffic.pcap --zone 8 --speed 1000x -o json",
                        "at a thousand times its own speed, with the summary as JSON"}}};
}

manual::ExitCodes MeaningOfExitCodes() {
  return {{kExitOk, "everything that was read is accounted for and acknowledged"},
          {kExitUsage, "a flag, an environment variable or a TLS file is wrong"},
          {kExitInput, "the file or interface cannot be opened, or is no capture"},
          {kExitLinkType, "the capture has a link type that the sensor does not read"},
          {kExitDamaged,
           "the file is damaged or truncated, or the interface failed; what was read before was "
           "sent and acknowledged"},
          {kExitServer,
           "the server was not reached, refused the sensor or a batch, or did not acknowledge "
           "everything in time"},
          {kExitLedger, "the counts do not add up: a bug"}};
}

}  // namespace conntrack::sensor
