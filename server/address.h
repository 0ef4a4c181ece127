// Addresses that a server listens on: how they are written, whether strangers
// can reach them, and why one cannot be had.
//
// Thread-safe. Names are looked up with the system's resolver, which may block.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace conntrack {

struct ListenAddress {
  // Of a Unix socket; then the others are empty.
  std::string path;
  // A name or a number, without brackets. Empty: all addresses of the host.
  std::string host;
  uint16_t port = 0;

  bool is_unix() const { return !path.empty(); }
};

// Reads "host:port", "[v6]:port", ":port" or "unix:/path". InvalidArgument,
// naming the text, for anything else.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

// Whether only this host reaches the address: a Unix socket, or every address
// that the host stands for is a loopback address. InvalidArgument when the
// host is unknown.
absl::StatusOr<bool> IsLoopback(const ListenAddress& address);

// The host as a number with its port, "[::1]:9464", for libraries that look up
// no names. InvalidArgument when the host is unknown.
absl::StatusOr<std::string> NumericAddress(const ListenAddress& address);

// Why nobody can listen there now: binds the address, closes it again, and
// returns the system's reason; OK when it was free. A Unix socket counts as
// taken when something answers on it.
absl::Status CheckFree(const ListenAddress& address);

}  // namespace conntrack
