// The two questions put to the kernel's connection tracking over netlink: what
// happened, and what is in the table. Uses libmnl and the kernel's user-space
// headers.
//
// Not thread-safe. Works in the network namespace it was made in.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/testing/observation.h"

struct mnl_socket;

namespace conntrack {

class KernelNetlink {
 public:
  static absl::StatusOr<std::unique_ptr<KernelNetlink>> Create();
  ~KernelNetlink();
  KernelNetlink(const KernelNetlink&) = delete;
  KernelNetlink& operator=(const KernelNetlink&) = delete;

  // Events since the last call, oldest first. DataLoss when the kernel dropped
  // some.
  absl::StatusOr<std::vector<SeenEvent>> TakeEvents();

  // The connection that a packet of this tuple belongs to.
  absl::StatusOr<std::optional<SeenConnection>> Get(const SeenTuple& tuple, Family family);

  // All connections of the namespace.
  absl::StatusOr<std::vector<SeenConnection>> List();

  // Ends all connections of the namespace. Their events are not reported.
  absl::Status Flush();

 private:
  KernelNetlink() = default;
  absl::StatusOr<std::optional<SeenConnection>> Request(const void* message, size_t size);

  mnl_socket* events_ = nullptr;
  mnl_socket* query_ = nullptr;
  uint32_t sequence_ = 0;
};

}  // namespace conntrack
