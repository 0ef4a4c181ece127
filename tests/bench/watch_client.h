// The clients of the watch benchmarks, in a process of their own, so that the
// CPU of both sides can be told apart.
//
// They are as cheap as a client can be: they take the bytes of each message as
// gRPC delivers them, add up its ranges, and read the time of its first event. In
// every sixteenth message they step from event to event by their lengths and check
// that there are as many as the ranges say.
#pragma once

#include <cstdint>
#include <string>

namespace conntrack::bench {

struct WatchClientsOptions {
  // "127.0.0.1:50051".
  std::string address;
  uint32_t clients = 1;
  // Each is done when its ranges and loss notices cover this many events.
  uint64_t events = 1;
  // Where to resume; empty: from now on.
  std::string resume_token;
};

// What all clients saw together.
struct WatchReport {
  // Events that ranges and loss notices cover.
  uint64_t covered = 0;
  uint64_t lost = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  // From the first message with events to the last, on the monotonic clock.
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  // Of the process, in that time.
  int64_t cpu_ns = 0;
  // From the time of the first event of a message until it was read.
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
};

// A client process. Not thread-safe.
class WatchClients {
 public:
  // Returns when every client has had its first message.
  explicit WatchClients(const WatchClientsOptions& options);
  ~WatchClients();
  WatchClients(const WatchClients&) = delete;
  WatchClients& operator=(const WatchClients&) = delete;

  // Waits until all clients are done.
  WatchReport Wait();

 private:
  std::string ReadLine();

  int pid_ = 0;
  int output_ = -1;
};

// Is the client process when the command line asks for it, and returns true at
// its end. main calls it first.
bool RunWatchClients(int argc, char** argv);

// CPU time that this process has used.
int64_t ProcessCpuNanos();
int64_t MonotonicNanos();

}  // namespace conntrack::bench
