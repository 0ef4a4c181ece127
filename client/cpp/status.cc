#include "conntrack/status.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace conntrack::client {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

// Parses the payload of that type. False when there is none, or it is garbage:
// details only explain an error, so bad ones are as good as none.
bool ParsePayload(const absl::Status& status, const char* url, google::protobuf::Message* message) {
  const auto payload = status.GetPayload(url);
  if (!payload.has_value()) return false;
  return message->ParseFromString(std::string(*payload));
}

}  // namespace

absl::Status FromGrpcStatus(const grpc::Status& status) {
  // Both libraries number the codes as google.rpc.Code does.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (!result.ok() && !status.error_details().empty() &&
      details.ParseFromString(status.error_details())) {
    for (const auto& any : details.details()) {
      result.SetPayload(any.type_url(), absl::Cord(any.value()));
    }
  }
  return result;
}

std::optional<ErrorReason> ReasonOf(const absl::Status& status) {
  google::rpc::ErrorInfo parsed;
  if (!ParsePayload(status, kErrorInfoUrl, &parsed)) return std::nullopt;
  return ErrorReason{
      parsed.reason(), parsed.domain(), {parsed.metadata().begin(), parsed.metadata().end()}};
}

std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status) {
  google::rpc::RetryInfo parsed;
  if (!ParsePayload(status, kRetryInfoUrl, &parsed) || !parsed.has_retry_delay()) {
    return std::nullopt;
  }
  const auto& delay = parsed.retry_delay();
  // Bounded before the multiplication, so that no server can make it overflow.
  const int64_t seconds = std::min<int64_t>(std::max<int64_t>(delay.seconds(), 0), 86'400);
  return std::chrono::milliseconds(seconds * 1000 + std::max(delay.nanos(), 0) / 1'000'000);
}

}  // namespace conntrack::client
