#include "tests/differential/kernel_settings.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

struct Impossible {
  absl::string_view name;
  absl::string_view reason;
};

constexpr Impossible kImpossible[] = {
    {"connections_max", "Linux has one limit for all network namespaces, set in the first"},
    {"tcp_syn_sent2", "Linux has no sysctl for the timeout of SYN_SENT2"},
    {"tcp_nonclosing_rst_closes", "it tells releases of Linux apart, and one has no choice"},
};

constexpr absl::string_view kNoTimeout[] = {"tcp_loose", "tcp_be_liberal", "tcp_ignore_invalid_rst",
                                            "tcp_max_retrans", "checksum"};

// Linux puts "timeout" behind the protocol, and our names leave it out.
std::string SysctlOf(absl::string_view name) {
  for (const absl::string_view other : kNoTimeout) {
    if (name == other) return absl::StrCat("nf_conntrack_", name);
  }
  if (name == "tcp_max_retrans_timeout") return "nf_conntrack_tcp_timeout_max_retrans";
  if (name == "udp_stream" || name == "gre_stream") {
    return absl::StrCat("nf_conntrack_", name.substr(0, 3), "_timeout_stream");
  }
  const size_t underscore = name.find('_');
  if (underscore == absl::string_view::npos) return absl::StrCat("nf_conntrack_", name, "_timeout");
  return absl::StrCat("nf_conntrack_", name.substr(0, underscore), "_timeout",
                      name.substr(underscore));
}

}  // namespace

absl::string_view WhyNotInKernel(absl::string_view name) {
  for (const Impossible& impossible : kImpossible) {
    if (impossible.name == name) return impossible.reason;
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> SysctlsOf(const ZoneSettings& settings) {
  constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  std::vector<std::pair<std::string, std::string>> sysctls;
  for (const SettingName& setting : SettingNames()) {
    if (!WhyNotInKernel(setting.name).empty()) continue;
    const int64_t value = setting.get(settings);
    sysctls.emplace_back(SysctlOf(setting.name),
                         absl::StrCat(setting.is_duration ? value / kNanosecondsPerSecond : value));
  }
  return sysctls;
}

}  // namespace conntrack
