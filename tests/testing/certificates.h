// Certificates for tests, made with the openssl command: an authority, a
// server "localhost" (also 127.0.0.1) and a client "sensor" signed by it, and
// another authority that signed nothing.
//
// Not thread-safe.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

namespace conntrack::testing {

class Certificates {
 public:
  // Makes them in a new temporary directory. Aborts when openssl fails.
  Certificates();
  // Removes the directory.
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // Path of "ca.pem", "server.pem", "server.key", "client.pem", "client.key",
  // "locked.key" (the same with a passphrase) or "other-ca.pem".
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  // Writes a file of that name beside them and returns its path.
  std::string Write(const std::string& name, const std::string& text) const;

  // For a server with the server's certificate; with `mutual`, one that demands
  // a certificate of its clients.
  std::shared_ptr<grpc::ServerCredentials> ServerCredentials(bool mutual) const;

 private:
  std::string directory_;
};

}  // namespace conntrack::testing
