// ServerConfig is everything an operator can set, with its defaults. Plain
// data; config_settings.h lists each setting with its name, range and help,
// and command_line.h fills it from a file, the environment and flags.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/breakdown_config.h"
#include "server/tracker/settings.h"
#include "server/tracker/time.h"

namespace conntrack {

// What a client must show when it connects over TLS.
enum class ClientAuth {
  kNone,      // Nothing is asked.
  kOptional,  // A certificate that is shown must verify.
  kRequired,  // Without a certificate there is no connection.
};

struct TlsConfig {
  // Files in PEM. Certificate and key empty: no TLS.
  std::string cert;
  std::string key;
  // Authorities that client certificates are checked against.
  std::string client_ca;
  ClientAuth client_auth = ClientAuth::kNone;

  bool enabled() const { return !cert.empty(); }
};

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat { kText, kJson };

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

struct ServerConfig {
  // "host:port" or "unix:/path". Port 0: the system chooses.
  std::string listen = "127.0.0.1:50051";
  // The same for metrics, without unix. Empty: no metrics endpoint.
  std::string metrics_listen = "127.0.0.1:9464";
  TlsConfig tls;
  // Listening off loopback without TLS is refused unless this is set.
  bool insecure = false;

  // Both are fixed for the life of a deployment: whoever routes by slot must
  // know them. The default seed is 0 so that a plain deployment needs none.
  uint32_t slot_count = 256;
  uint64_t slot_hash_seed = 0;

  uint32_t zones_max = 4096;
  uint32_t sensors_max = 1024;
  // Ingest streams at one time.
  uint32_t streams_max = 1024;
  uint32_t watchers_max = 1024;
  // Connections that the filter of a watcher may match at a time.
  uint64_t watch_matches_max = 1u << 20;
  // Calls at one time on one connection of a client.
  uint32_t connection_calls_max = 4096;
  uint32_t message_bytes_max = 4u << 20;
  uint32_t batch_packets_max = 4096;
  uint64_t event_bytes_max = 256u << 20;

  // What open connections are counted by in metrics.
  std::vector<BreakdownConfig> breakdowns;
  // Of each: most groups that are counted apart, and most that are shown.
  uint64_t breakdown_groups_max = 65'536;
  uint32_t breakdown_series_max = 100;

  ZoneSettings zone_defaults;
  // Zones that differ from the defaults, complete with what does not differ.
  std::map<uint32_t, ZoneSettings> zones;

  LogConfig log;
  // How long streams may take to end when the server drains.
  Duration drain_timeout = std::chrono::seconds(10);
  // How often connections are expired: what expiry may be late by.
  Duration expiry_interval = std::chrono::milliseconds(100);

  // What a zone is made with.
  const ZoneSettings& SettingsOf(uint32_t zone) const {
    const auto found = zones.find(zone);
    return found == zones.end() ? zone_defaults : found->second;
  }

  // InvalidArgument when two settings contradict each other, naming both.
  // Ranges are checked where values are read.
  absl::Status Validate() const;
};

}  // namespace conntrack
