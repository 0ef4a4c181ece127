#include "tests/differential/coverage.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/differential/kernel_settings.h"
#include "tests/testing/scenario.h"

namespace conntrack {

void Coverage::Add(size_t conversation, const ComparedPacket& packet) {
  AddSettings();
  const PacketSpec& spec = *packet.spec;
  ++verdicts_[absl::StrCat(FieldOf(packet.kernel, "verdict"), " ",
                           FieldOf(packet.kernel, "direction"))];
  if (spec.protocol != kProtocolTcp && spec.protocol != kProtocolSctp) return;
  Fields& before = before_[{conversation, spec.connection}];
  if (spec.protocol == kProtocolTcp) {
    CountTcp(before, packet, &tcp_);
  } else {
    CountSctp(before, packet, &sctp_);
  }
  before = packet.kernel;
}

void Coverage::AddSettings() {
  static const ZoneSettings usual;
  bool timeouts = false;
  for (const SettingName& setting : SettingNames()) {
    if (!WhyNotInKernel(setting.name).empty()) continue;
    const int64_t value = setting.get(settings_);
    if (!setting.is_duration) ++switches_[setting.name][value];
    timeouts |= setting.is_duration && value != setting.get(usual);
  }
  other_timeouts_ += timeouts ? 1 : 0;
}

std::string Coverage::Report() const {
  std::string text = "verdicts\n";
  for (const auto& [name, count] : verdicts_)
    absl::StrAppendFormat(&text, "  %8d  %s\n", count, name);
  absl::StrAppend(&text, "settings\n");
  for (const auto& [name, values] : switches_) {
    for (const auto& [value, count] : values) {
      absl::StrAppendFormat(&text, "  %8d  %s=%d\n", count, name, value);
    }
  }
  absl::StrAppendFormat(&text, "  %8d  timeouts off their defaults\n", other_timeouts_);
  for (const RuleCounts* counts : {&tcp_, &sctp_}) {
    if (!counts->empty()) absl::StrAppend(&text, counts->Report());
  }
  return text;
}

}  // namespace conntrack
