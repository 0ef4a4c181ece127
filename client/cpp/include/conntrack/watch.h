// Watcher follows the changes of connections across broken connections: it
// resumes where it was, leaves out what it already gave, and tells when
// something was lost.
//
//   auto watcher = Watcher::Start(channel, options);
//   if (!watcher.ok()) return watcher.status();
//   for (;;) {
//     absl::StatusOr<WatchItem> item = (*watcher)->Next();
//     if (!item.ok()) return item.status();
//     ...
//   }
//
// Ordering: the changes of a slot come in their order, each at most once.
//
// Error handling: a broken connection is an item, not an error; the next call
// of Next tries again. What no reconnect can mend ends the watcher.
//
// Next is for one thread at a time; Stop may be called by any.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conntrack/v1/watch_service.pb.h"

namespace conntrack::client {

struct WatchOptions {
  // See WatchRequest. Empty: all connections.
  std::string filter;
  // Empty: all events.
  std::vector<v1::EventType> event_types;
  // Begin with the connections that exist, and do so again after a reset.
  bool snapshot = false;
  // Begin after this place instead. Not with `snapshot`.
  std::string resume_token;
  // Delay before the first reconnect; it doubles, with jitter, up to the
  // second.
  std::chrono::milliseconds backoff_min{100};
  std::chrono::milliseconds backoff_max{10'000};
};

// One thing that Next returns.
struct WatchItem {
  enum class Kind {
    // A message of the server, less what was given before. A gap that the
    // server did not announce is given as a loss notice as well.
    kMessage,
    // The stream ended; `status` says why. The next call of Next reconnects.
    kDisconnected,
    // The place where the watcher stopped cannot be resumed, so changes were
    // lost; `status` says why. What follows is a new beginning: a snapshot when
    // the options ask for one, else the oldest changes that the server kept; or, when
    // those go faster than they can be asked for, what comes from then on.
    // Whoever keeps a table must clear it now.
    kReset,
  };
  Kind kind = Kind::kMessage;
  v1::WatchResponse message;
  absl::Status status;
};

class Watcher {
 public:
  // Does not connect yet. InvalidArgument when the options contradict each
  // other.
  static absl::StatusOr<std::unique_ptr<Watcher>> Start(std::shared_ptr<grpc::Channel> channel,
                                                        const WatchOptions& options);

  virtual ~Watcher() = default;

  // Waits for the next item. Cancelled after Stop; any other error is one that
  // no reconnect can mend, and every later call returns it again.
  virtual absl::StatusOr<WatchItem> Next() = 0;

  // Makes Next return, now and ever after. Thread-safe.
  virtual void Stop() = 0;

  // Where another watcher could go on: the last token the server gave; empty
  // before the first. The changes after it may have been given already.
  virtual std::string resume_token() const = 0;
};

}  // namespace conntrack::client
