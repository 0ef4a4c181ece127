// LocalServer is a whole server in this process, on ports that the system
// chose, for one test.
//
// Thread-safe once made.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "server/config.h"
#include "server/server.h"

namespace conntrack::testing {

// What a LocalServer has unless a test says otherwise: ports of the system's
// choice on 127.0.0.1, and no metrics endpoint, because ending one takes a
// second.
ServerConfig LocalConfig();

class LocalServer {
 public:
  // Aborts when it cannot start.
  explicit LocalServer(const ServerConfig& config = LocalConfig());

  Server& server() { return *server_; }
  // "127.0.0.1:port".
  std::string address() const;
  // A new connection to it, without TLS.
  std::shared_ptr<grpc::Channel> NewChannel() const;
  // What it answers to a scrape. REQUIRES: it has a metrics endpoint.
  std::string Scrape() const;

 private:
  std::unique_ptr<Server> server_;
};

// The body of http://127.0.0.1:port/path. Aborts when nobody answers.
std::string HttpGet(uint16_t port, const std::string& path);

}  // namespace conntrack::testing
