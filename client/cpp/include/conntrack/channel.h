// How a client reaches a server: address, TLS, limits.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace conntrack::client {

// Where the server is and how to prove who is who. Plain data.
struct ChannelOptions {
  // "host:port", "unix:/path" or any gRPC target.
  std::string server = "127.0.0.1:50051";
  // PEM file of the authorities that may sign the server's certificate. Not
  // empty: TLS is used. Empty with `tls` set: the system's authorities.
  std::string tls_ca_file;
  // PEM files of this client's own certificate and key; both or none.
  std::string tls_certificate_file;
  std::string tls_key_file;
  // The name expected in the server's certificate; empty: the host of `server`.
  std::string tls_server_name;
  // Use TLS. Implied by any of the TLS files.
  bool tls = false;
};

// Opens a channel. Does not wait for a connection: the first call does.
//
// InvalidArgument when an option is malformed or a file cannot be read or is
// not PEM; the message names the option and the file.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const ChannelOptions& options);

}  // namespace conntrack::client
