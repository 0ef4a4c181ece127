// The client process of benchmarks: it sends prefilled messages over streams of
// its own, one thread a stream, and waits until all are acknowledged.
#pragma once

#include <string>

namespace conntrack::bench {

// Where a client finds the server, "127.0.0.1:port" or "unix:path", and the file
// with the authority of its certificate; empty without TLS.
struct Endpoint {
  std::string address;
  std::string ca_file;
};

// The first argument that turns a benchmark program into its client process:
//   PROGRAM --send PATH ADDRESS [CA_FILE]
// PATH is that of the Prefilled.
inline constexpr char kSendArgument[] = "--send";

// The main function of the client process. For each turn it is given: reads the
// messages, gives the turn back, and with the next turn sends them all. Sensor i
// is "bench-i" and feeds zone i. Aborts over whatever goes wrong.
int RunSender(const std::string& path, const Endpoint& endpoint);

}  // namespace conntrack::bench
