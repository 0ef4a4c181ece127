// The kernel under the same questions as TrackerSubject: one packet at a time,
// and all that can be seen of it then.
//
// Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/tracker/settings.h"
#include "tests/differential/kernel_netlink.h"
#include "tests/differential/kernel_network.h"
#include "tests/differential/wire_packet.h"
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

  // Sends bytes; looks at the connection of `tuple`. A packet that does not come
  // out is waited for as long as `patience`.
  absl::StatusOr<Observation> SendBytes(
      const WirePacket& packet, const std::optional<SeenTuple>& tuple,
      std::chrono::milliseconds patience = KernelNetwork::kPatience);

  // All connections there are.
  absl::StatusOr<std::vector<SeenConnection>> List() { return netlink_->List(); }

  // Ends all connections and takes over switches and timeouts of `settings`,
  // which must be whole seconds. Time starts anew.
  absl::Status Reset(const ZoneSettings& settings);

  // Returns after so much time.
  static void Wait(Duration duration);

  // Returns when that much time has passed since Reset; how much more it was.
  // Real time is the kernel's only clock.
  Duration WaitUntil(Duration since_reset) const;

 private:
  KernelSubject(std::unique_ptr<KernelNetwork> network, std::unique_ptr<KernelNetlink> netlink)
      : network_(std::move(network)), netlink_(std::move(netlink)) {}

  std::unique_ptr<KernelNetwork> network_;
  std::unique_ptr<KernelNetlink> netlink_;
  uint16_t tag_ = 0;
  std::chrono::steady_clock::time_point reset_at_ = std::chrono::steady_clock::now();
};

}  // namespace conntrack
