// MetricsEndpoint serves /metrics over HTTP.
//
// Thread-safe. It has two threads of its own for scrapes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace prometheus {
class Collectable;
class Exposer;
}  // namespace prometheus

namespace conntrack {

class MetricsEndpoint {
 public:
  using Sources = std::vector<std::shared_ptr<prometheus::Collectable>>;

  // Serves what `sources` collect on `listen`. InvalidArgument when its host is
  // unknown; Unavailable, with the reason, when it cannot be listened on.
  //
  // REQUIRES: `listen` passes ServerConfig::Validate and is not empty.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(const std::string& listen,
                                                                Sources sources);
  ~MetricsEndpoint();

  uint16_t port() const { return port_; }

 private:
  MetricsEndpoint(std::unique_ptr<prometheus::Exposer> exposer, Sources sources, uint16_t port);

  // The exposer keeps only weak references.
  const Sources sources_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
  const uint16_t port_;
};

}  // namespace conntrack
