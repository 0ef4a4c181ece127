// When a client tries again: whether another try can help, and connecting a
// channel that lost its connection when we want it to.
//
// A channel whose last attempt failed answers new calls with that old failure
// at once, while it tries again behind the scenes. Whoever opened a stream then
// would see a server that is back only at the try after the next. So the
// attempt is made first, and the call follows it.
#pragma once

#include <grpcpp/channel.h>

#include <functional>

#include "absl/status/status.h"

namespace conntrack::client {

// True for what no reconnect can mend. UNIMPLEMENTED: another program listens
// there. ALREADY_EXISTS is not among them: it is our own last stream, whose end
// the server has not noticed yet.
bool IsPermanent(const absl::Status& status);

// Connects now, whatever the channel's own backoff says, and returns when it is
// connected, after a second, or soon after `stop` became true.
void TryConnect(grpc::Channel& channel, const std::function<bool()>& stop);

}  // namespace conntrack::client
