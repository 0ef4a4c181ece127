#include "server/status.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace conntrack {
namespace {

constexpr char kDomain[] = "conntrack.v1";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
// What a client should wait before it tries again where something was full.
constexpr int kRetrySeconds = 1;

google::rpc::ErrorInfo ErrorInfoOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  if (const auto payload = status.GetPayload(kErrorInfoUrl)) {
    info.ParseFromString(std::string(*payload));
  } else {
    info.set_reason(absl::StatusCodeToString(status.code()));
  }
  info.set_domain(kDomain);
  return info;
}

// Messages may quote what a client sent: bytes that a proto string or a
// terminal cannot take are escaped, and too much is cut, so that the trailers
// stay within what clients accept.
std::string Printable(absl::string_view message) {
  constexpr size_t kBytesMax = 1024;
  const bool is_text = std::all_of(message.begin(), message.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
  std::string text = is_text ? std::string(message) : absl::CHexEscape(message);
  if (text.size() > kBytesMax) text = absl::StrCat(text.substr(0, kBytesMax - 3), "...");
  return text;
}

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason,
                        const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(Printable(status.message()));
  details.add_details()->PackFrom(ErrorInfoOf(status));
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(kRetrySeconds);
    details.add_details()->PackFrom(retry);
  }
  // The codes of both are those of google.rpc.Code.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace conntrack
