// The files of a TLS configuration, checked before gRPC sees them: gRPC reports
// a bad one only as a connection that cannot be made.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace conntrack::client {

// The text of a file with one PEM certificate or more. InvalidArgument, with
// the name of the option and of the file, when it is anything else.
absl::StatusOr<std::string> ReadCertificates(const std::string& option, const std::string& path);

// The text of a file with a PEM private key that needs no passphrase.
absl::StatusOr<std::string> ReadPrivateKey(const std::string& option, const std::string& path);

// InvalidArgument when `key` does not belong to the first of `certificates`.
absl::Status CheckPair(const std::string& certificates, const std::string& key);

}  // namespace conntrack::client
