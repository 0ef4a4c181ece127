#include "conntrack/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/tls_files.h"

namespace conntrack::client {
namespace {

// A page of 10,000 connections is about 4 MB. More than that in one message
// is a fault of the other side.
constexpr int kMessageBytesMax = 16 << 20;
// A peer that vanished without a word is noticed within the sum of these.
constexpr int kKeepaliveTimeMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;
constexpr int kReconnectBackoffMinMs = 1'000;
constexpr int kReconnectBackoffMaxMs = 10'000;
constexpr int kConnectTimeoutMs = 5'000;

bool UsesTls(const ChannelOptions& options) {
  return options.tls || !options.tls_ca_file.empty() || !options.tls_certificate_file.empty() ||
         !options.tls_key_file.empty();
}

// gRPC would take port 443 for a name without a port, which nobody means here.
absl::Status CheckServer(const std::string& server) {
  if (server.empty()) return absl::InvalidArgumentError("server is empty");
  for (const char* scheme :
       {"unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:", "vsock:", "xds:"}) {
    if (absl::StartsWith(server, scheme)) return absl::OkStatus();
  }
  const size_t colon = server.rfind(':');
  const std::string port = colon == std::string::npos ? "" : server.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (colon == 0 || !digits || std::stoi(port) < 1 || std::stoi(port) > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("server \"", server, "\" is not HOST:PORT with a port of 1 to 65535"));
  }
  if (server.find(':') != colon && server.front() != '[') {
    return absl::InvalidArgumentError(
        absl::StrCat("server \"", server, "\": write an IPv6 address as [ADDRESS]:PORT"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const ChannelOptions& options) {
  if (!UsesTls(options)) {
    if (!options.tls_server_name.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("tls_server_name ", options.tls_server_name,
                                                     " is set, but TLS is not used"));
    }
    return grpc::InsecureChannelCredentials();
  }
  if (options.tls_certificate_file.empty() != options.tls_key_file.empty()) {
    return absl::InvalidArgumentError(options.tls_key_file.empty()
                                          ? absl::StrCat("tls_certificate_file ",
                                                         options.tls_certificate_file,
                                                         " is set without tls_key_file")
                                          : absl::StrCat("tls_key_file ", options.tls_key_file,
                                                         " is set without tls_certificate_file"));
  }
  grpc::SslCredentialsOptions ssl;
  if (!options.tls_ca_file.empty()) {
    auto ca = ReadCertificates("tls_ca_file", options.tls_ca_file);
    if (!ca.ok()) return ca.status();
    ssl.pem_root_certs = *std::move(ca);
  }
  if (!options.tls_key_file.empty()) {
    auto certificate = ReadCertificates("tls_certificate_file", options.tls_certificate_file);
    if (!certificate.ok()) return certificate.status();
    auto key = ReadPrivateKey("tls_key_file", options.tls_key_file);
    if (!key.ok()) return key.status();
    if (!CheckPair(*certificate, *key).ok()) {
      return absl::InvalidArgumentError(absl::StrCat("tls_key_file ", options.tls_key_file,
                                                     ": is not the key of ",
                                                     options.tls_certificate_file));
    }
    ssl.pem_cert_chain = *std::move(certificate);
    ssl.pem_private_key = *std::move(key);
  }
  return grpc::SslCredentials(ssl);
}

grpc::ChannelArguments Arguments(const ChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  // Pings flow only while a call is open, and however quiet it is: a watch
  // without events must notice a dead server too.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectBackoffMinMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectBackoffMaxMs);
  // Despite its name this is how long one attempt may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  // Retries keep a copy of what a stream sends; sessions here have their own.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return arguments;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const ChannelOptions& options) {
  if (const absl::Status status = CheckServer(options.server); !status.ok()) return status;
  auto credentials = Credentials(options);
  if (!credentials.ok()) return credentials.status();
  return grpc::CreateCustomChannel(options.server, *credentials, Arguments(options));
}

}  // namespace conntrack::client
