#include "server/tracker/settings.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/tracker/names.h"

namespace conntrack {
namespace {

constexpr Duration kTimeoutMin = std::chrono::milliseconds(1);
// Record::timeout_ms has 32 bits.
constexpr Duration kTimeoutMax = std::chrono::hours(40 * 24);
constexpr uint64_t kConnectionsMax = 1u << 30;

absl::Status CheckTimeout(absl::string_view name, Duration timeout) {
  if (timeout >= kTimeoutMin && timeout <= kTimeoutMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " ",
                                                 std::chrono::duration<double>(timeout).count(),
                                                 "s is not between 0.001s and 3456000s"));
}

}  // namespace

absl::Status ZoneSettings::Validate() const {
  if (connections_max < 1 || connections_max > kConnectionsMax) {
    return absl::InvalidArgumentError(absl::StrCat("connections_max ", connections_max,
                                                   " is not between 1 and ", kConnectionsMax));
  }
  for (size_t state = 1; state < kTcpStates; ++state) {
    absl::Status status = CheckTimeout(absl::StrCat("tcp.", NameOf(static_cast<TcpState>(state))),
                                       tcp.timeout[state]);
    if (!status.ok()) return status;
  }
  for (size_t state = 1; state < kSctpStates; ++state) {
    absl::Status status = CheckTimeout(absl::StrCat("sctp.", NameOf(static_cast<SctpState>(state))),
                                       sctp.timeout[state]);
    if (!status.ok()) return status;
  }
  struct Named {
    const char* name;
    Duration timeout;
  };
  const std::array<Named, 9> others = {{
      {"tcp.max_retransmission_timeout", tcp.max_retransmission_timeout},
      {"tcp.unacknowledged", tcp.unacknowledged},
      {"timeouts.udp", udp},
      {"timeouts.udp_stream", udp_stream},
      {"timeouts.icmp", icmp},
      {"timeouts.icmpv6", icmpv6},
      {"timeouts.generic", generic},
      {"timeouts.gre", gre},
      {"timeouts.gre_stream", gre_stream},
  }};
  for (const Named& other : others) {
    absl::Status status = CheckTimeout(other.name, other.timeout);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace conntrack
