#include "client/cpp/reconnect.h"

#include <algorithm>
#include <chrono>

namespace conntrack::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr milliseconds kAttempt{1'000};
// The channel cannot be told to stop waiting, so it waits in slices.
constexpr milliseconds kSlice{100};

}  // namespace

bool IsPermanent(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

void TryConnect(grpc::Channel& channel, const std::function<bool()>& stop) {
  grpc::experimental::ChannelResetConnectionBackoff(&channel);
  const auto deadline = system_clock::now() + kAttempt;
  while (!stop()) {
    const grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
    const auto now = system_clock::now();
    if (state == GRPC_CHANNEL_READY || now >= deadline) return;
    channel.WaitForStateChange(state, std::min(now + kSlice, deadline));
  }
}

}  // namespace conntrack::client
