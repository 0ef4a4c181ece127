#include "server/config.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "server/address.h"

namespace conntrack {
namespace {

absl::Status ValidateTls(const TlsConfig& tls) {
  if (tls.cert.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError(tls.cert.empty() ? "tls.key is set but tls.cert is not"
                                                       : "tls.cert is set but tls.key is not");
  }
  if (!tls.enabled() && !tls.client_ca.empty()) {
    return absl::InvalidArgumentError("tls.client_ca is set but tls.cert is not");
  }
  if (tls.client_auth != ClientAuth::kNone && tls.client_ca.empty()) {
    return absl::InvalidArgumentError(
        "tls.client_auth asks for certificates but tls.client_ca is not set");
  }
  // Silence here would leave an operator believing that clients are checked.
  if (tls.client_auth == ClientAuth::kNone && !tls.client_ca.empty()) {
    return absl::InvalidArgumentError(
        "tls.client_ca is set but tls.client_auth is none; set optional or required");
  }
  return absl::OkStatus();
}

absl::Status ValidateMetricsListen(const std::string& listen) {
  if (listen.empty()) return absl::OkStatus();
  const auto address = ParseListenAddress(listen);
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("metrics_listen ", address.status().message()));
  }
  if (address->is_unix()) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics_listen \"", listen, "\" is a Unix socket: metrics need host:port"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ServerConfig::Validate() const {
  if (const auto address = ParseListenAddress(listen); !address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("listen ", address.status().message()));
  }
  if (absl::Status status = ValidateMetricsListen(metrics_listen); !status.ok()) return status;
  if (!std::has_single_bit(slot_count)) {
    return absl::InvalidArgumentError(
        absl::StrCat("slot_count ", slot_count, " is not a power of two"));
  }
  if (zones.size() > zones_max) {
    return absl::InvalidArgumentError(
        absl::StrCat("zones lists ", zones.size(), " zones, above zones_max ", zones_max));
  }
  if (absl::Status status = zone_defaults.Validate(); !status.ok()) return status;
  for (const auto& [zone, settings] : zones) {
    if (absl::Status status = settings.Validate(); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("zone ", zone, ": ", status.message()));
    }
  }
  return ValidateTls(tls);
}

}  // namespace conntrack
