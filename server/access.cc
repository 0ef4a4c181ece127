#include "server/access.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/grpcpp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/status.h"

namespace conntrack {

bool IsLocalPeer(absl::string_view peer) {
  // IPv6 as gRPC writes it: brackets, percent-encoded from some version on.
  return absl::StartsWith(peer, "unix:") || absl::StartsWith(peer, "ipv4:127.") ||
         absl::StartsWith(peer, "ipv6:[::1]:") || absl::StartsWith(peer, "ipv6:%5B::1%5D:") ||
         absl::StartsWith(peer, "ipv6:[::ffff:127.") ||
         absl::StartsWith(peer, "ipv6:%5B::ffff:127.");
}

std::string CallerOf(const grpc::ServerContextBase& context) {
  std::string caller = context.peer();
  const auto auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return caller;
  for (const grpc::string_ref& subject :
       auth->FindPropertyValues(GRPC_X509_SUBJECT_PROPERTY_NAME)) {
    const absl::string_view text(subject.data(), subject.size());
    absl::StrAppend(&caller, " (", absl::CHexEscape(text), ")");
  }
  return caller;
}

absl::Status CheckMayWrite(const grpc::ServerContextBase& context) {
  const std::string peer = context.peer();
  if (IsLocalPeer(peer)) return absl::OkStatus();
  const auto auth = context.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) return absl::OkStatus();
  return WithReason(
      absl::PermissionDeniedError(absl::StrCat(
          "writing from ", peer, ", which is another host, needs a client certificate")),
      "CLIENT_CERTIFICATE_REQUIRED");
}

}  // namespace conntrack
