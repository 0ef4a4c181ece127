#include "server/manual.h"

#include <cstdlib>

#include "server/config_settings.h"

namespace conntrack {

manual::Manual ServerManual() {
  return {.notes = R"(Settings come from the file, over it the environment, over that the flags.
In the environment --tls-client-ca is CONNTRACK_SERVER_TLS_CLIENT_CA, and so for
every flag that takes a value; a switch takes true or false. In the file it is
client_ca below tls:

  listen: 0.0.0.0:50051
  tls:
    cert: /etc/conntrack/server.pem
    key: /etc/conntrack/server.key
  zone_defaults:
    tcp: {established: 1h}
  zones:
    - zone: 5
      connections_max: 100000
      timeouts: {udp: 10s}

--print-config shows a complete file. SIGHUP reads all of them again: the log
and the settings of zones change at once, and the log says what needs a restart.

SIGTERM and SIGINT drain: clients are told, sensors have the drain timeout to end,
and a second signal ends the process at once. What is logged goes to standard error.)",
          .examples = {
              {"conntrack-server --print-config > server.yaml\n"
               "conntrack-server --config server.yaml --check-config",
               "a file with every setting, and whether it is good"},
              {"CONNTRACK_SERVER_ZONE_DEFAULTS_TCP_ESTABLISHED=1h conntrack-server --print-config",
               "what is in effect, and where it came from does not matter"},
              {.command = "conntrack-server --listen \"unix:$PWD/server.sock\" --metrics-listen ''",
               .comment = "for the programs of this host alone, without metrics",
               .until_interrupted = true}}};
}

manual::ExitCodes ServerExitCodes() {
  return {{EXIT_SUCCESS, "drained after a signal or a client's request, or printed what was asked"},
          {EXIT_FAILURE, "a setting is wrong, a file cannot be read, or an address is taken"}};
}

manual::Manual ConfigManual() {
  return {.notes = R"(Each setting is also a flag and an environment variable, which count more: see
conntrack-server(8). Names with a dot are maps within maps: tls.cert is cert
below tls. Sizes are numbers with KiB, MiB or GiB; durations have a unit, ms, s, m,
h or d, or several: 1h30m. A name that is not known is refused, with its line.

  listen: 0.0.0.0:50051
  metrics_listen: 0.0.0.0:9464
  insecure: true
  log: {level: debug, format: json}
  zone_defaults:
    connections_max: 200000
    tcp: {established: 1h}
  zones:
    - zone: 5
      connections_max: 100000
      timeouts: {udp: 10s}
    - zone: 167772167   # 10.0.0.7
      checksum: false

The list zones has the zones that differ from zone_defaults, each with its number
and with what differs: names as below zone_defaults. A sensor whose zone is an
IPv4 address has that address as a number.

A reload (systemctl reload conntrack-server, or SIGHUP) changes log, zone_defaults
and zones at once; of all else the log says that only a restart changes it. A file
that is wrong changes nothing.)",
          .examples = {}};
}

manual::Command ConfigTree() {
  manual::Command tree;
  tree.description = "Configuration of conntrack-server";
  const ServerConfig defaults;
  for (const Setting& setting : SettingTable()) {
    manual::OptionEntry entry;
    entry.names = {setting.name};
    entry.value_name = setting.is_switch ? "true|false" : setting.value_name;
    entry.description = setting.help;
    entry.default_value = setting.get(defaults);
    entry.group = setting.group;
    tree.options.push_back(std::move(entry));
  }
  return tree;
}

}  // namespace conntrack
