// Tries to connect a channel that lost its connection, when we want it to.
//
// A channel whose last attempt failed answers new calls with that old failure
// at once, while it tries again behind the scenes. Whoever opened a stream then
// would see a server that is back only at the try after the next. So the
// attempt is made first, and the call follows it.
#pragma once

#include <grpcpp/channel.h>

#include <functional>

namespace conntrack::client {

// Connects now, whatever the channel's own backoff says, and returns when it is
// connected, after a second, or soon after `stop` became true.
void TryConnect(grpc::Channel& channel, const std::function<bool()>& stop);

}  // namespace conntrack::client
