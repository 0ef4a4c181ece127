// Who may write. Reading needs no more than a connection.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace grpc {
class ServerContextBase;
}

namespace conntrack {

// OK when the caller of a method that writes is on this host (loopback or a
// Unix socket) or showed a client certificate that verified; otherwise
// PermissionDenied. A certificate without a subject name counts as none.
absl::Status CheckMayWrite(const grpc::ServerContextBase& context);

// Who calls, for the log: gRPC's name for the peer, and the subject of its
// certificate if it showed one.
std::string CallerOf(const grpc::ServerContextBase& context);

// Whether gRPC's name for a peer, "ipv4:127.0.0.1:1234", is of this host.
bool IsLocalPeer(absl::string_view peer);

}  // namespace conntrack
