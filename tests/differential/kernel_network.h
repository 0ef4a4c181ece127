// KernelNetwork is a Linux router of our own, in network namespaces that no
// name leads to and that end with the process: packets put on its one wire come
// out of the other, with connection tracking's verdict written into their DSCP.
//
//   ends: ea ────veth──── a0 :gateway: b0 ────veth──── eb :ends
//
// Tracking ignores interfaces, so packets of both directions enter at ea. The
// ends have no addresses and answer nothing. A veth delivers within the call
// that sends, so an answer is there when Forward returns.
//
// Not thread-safe; the calling thread is moved into the gateway's namespace
// and stays there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace conntrack {

class KernelNetwork {
 public:
  // Unavailable, with the reason, when this process may not make namespaces
  // or the kernel or its tools lack something.
  static absl::StatusOr<std::unique_ptr<KernelNetwork>> Create();

  ~KernelNetwork();
  KernelNetwork(const KernelNetwork&) = delete;
  KernelNetwork& operator=(const KernelNetwork&) = delete;

  // Sends an IPv4 or IPv6 packet through the gateway and returns the DSCP it
  // comes out with; nullopt when it does not come out. `tag` as BuildPacket
  // wrote it.
  std::optional<uint8_t> Forward(std::span<const uint8_t> packet, uint16_t tag);

  // Sets net.netfilter.NAME of the gateway. Unavailable when that fails.
  static absl::Status SetSysctl(const std::string& name, const std::string& value);

 private:
  KernelNetwork() = default;
  absl::Status SetUp();
  absl::Status OpenWires(int ends_namespace);

  int send_socket_ = -1;
  int receive_socket_ = -1;
};

// The DSCP values the gateway writes.
namespace verdict_dscp {
inline constexpr uint8_t kNew = 1;
inline constexpr uint8_t kEstablished = 2;
inline constexpr uint8_t kRelated = 3;
inline constexpr uint8_t kInvalid = 4;
inline constexpr uint8_t kUntracked = 5;
inline constexpr uint8_t kReplyBit = 8;
}  // namespace verdict_dscp

}  // namespace conntrack
