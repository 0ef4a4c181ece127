// KernelNetwork is a Linux router of our own, in network namespaces that no
// name leads to and that end with the process: packets put on its one wire come
// out of the other, with connection tracking's verdict written into their DSCP.
//
//   ends: ea ────veth──── a0 :gateway: b0 ────veth──── eb :ends
//
// Tracking ignores interfaces, so packets of both directions enter at ea. The
// ends answer nothing, and the gateway sends nothing of its own. Nobody has an
// address, so that packets of any can be sent through. A veth delivers within the call
// that sends, so an answer is there when Forward returns.
//
// Not thread-safe; the calling thread is moved into the gateway's namespace
// and stays there.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/tracker/packet.h"

namespace conntrack {

class KernelNetwork {
 public:
  // Only a packet that the kernel drops is waited for so long.
  static constexpr std::chrono::milliseconds kPatience{20};

  // Unavailable, with the reason, when this process may not make namespaces
  // or the kernel or its tools lack something.
  static absl::StatusOr<std::unique_ptr<KernelNetwork>> Create();

  ~KernelNetwork();
  KernelNetwork(const KernelNetwork&) = delete;
  KernelNetwork& operator=(const KernelNetwork&) = delete;

  // Sends a packet, announced as one of `family`, through the gateway and
  // returns the DSCP it comes out with; nullopt when it does not come out within
  // `patience`. `tag` stands where BuildPacket writes it.
  std::optional<uint8_t> Forward(std::span<const uint8_t> packet, Family family, uint16_t tag,
                                 std::chrono::milliseconds patience = kPatience);

  // Sets net.netfilter.NAME of the gateway. Unavailable when that fails.
  static absl::Status SetSysctl(const std::string& name, const std::string& value);

 private:
  KernelNetwork() = default;
  absl::Status SetUp();
  absl::Status OpenWires(int ends_namespace);
  // The DSCP of the next packet with this tag that has come out.
  std::optional<uint8_t> Receive(uint16_t tag);

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
