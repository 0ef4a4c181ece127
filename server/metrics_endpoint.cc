#include "server/metrics_endpoint.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/address.h"
#include "server/tracker/check.h"

namespace conntrack {

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(const std::string& listen,
                                                                        Sources sources) {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(listen);
  if (!address.ok()) return address.status();
  CT_CHECK(!address->is_unix());
  const absl::StatusOr<std::string> numeric = NumericAddress(*address);
  if (!numeric.ok()) return numeric.status();
  // civetweb shares a port with whoever else allows it, and says nothing.
  if (const absl::Status free = CheckFree(*address); !free.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", listen, ": ", free.message()));
  }
  // The only library of ours that throws when it cannot do its work.
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(*numeric, 2);
    for (const auto& source : sources) exposer->RegisterCollectable(source);
    const std::vector<int> ports = exposer->GetListeningPorts();
    const uint16_t port = ports.empty() ? 0 : static_cast<uint16_t>(ports[0]);
    return std::unique_ptr<MetricsEndpoint>(
        new MetricsEndpoint(std::move(exposer), std::move(sources), port));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", listen, ": ", error.what()));
  }
}

MetricsEndpoint::MetricsEndpoint(std::unique_ptr<prometheus::Exposer> exposer, Sources sources,
                                 uint16_t port)
    : sources_(std::move(sources)), exposer_(std::move(exposer)), port_(port) {}

MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace conntrack
