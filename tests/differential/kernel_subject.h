// The kernel under the same questions as TrackerSubject: one packet at a time,
// and all that can be seen of it then.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/tracker/settings.h"
#include "tests/differential/kernel_netlink.h"
#include "tests/differential/kernel_network.h"
#include "tests/testing/observation.h"
#include "tests/testing/packet_builder.h"

namespace conntrack {

class KernelSubject {
 public:
  // Unavailable, with the reason, where the kernel cannot be asked.
  static absl::StatusOr<std::unique_ptr<KernelSubject>> Create();

  // Sends the packet. The observation holds all events since the last call,
  // those of other connections too.
  absl::StatusOr<Observation> Send(const PacketSpec& spec, const Endpoints& endpoints);

  // Ends all connections and takes over switches and timeouts of `settings`,
  // which must be whole seconds.
  absl::Status Reset(const ZoneSettings& settings);

 private:
  KernelSubject(std::unique_ptr<KernelNetwork> network, std::unique_ptr<KernelNetlink> netlink)
      : network_(std::move(network)), netlink_(std::move(netlink)) {}

  std::unique_ptr<KernelNetwork> network_;
  std::unique_ptr<KernelNetlink> netlink_;
  uint16_t tag_ = 0;
};

}  // namespace conntrack
