// Who may connect: TLS credentials of the server, with every file checked
// before gRPC sees it, because gRPC would refuse a bad file without its name.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/config.h"

namespace grpc {
class ServerCredentials;
}

namespace conntrack {

// Credentials for config.listen. FailedPrecondition when the address is not
// loopback and there is neither TLS nor --insecure; InvalidArgument or
// NotFound, naming the file, when a certificate or key cannot be read, is not
// PEM, or the two do not belong together.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const ServerConfig& config);

}  // namespace conntrack
