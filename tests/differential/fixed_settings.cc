#include "tests/differential/fixed_settings.h"

#include <chrono>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/tracker/check.h"
#include "tests/differential/conversation.h"
#include "tests/differential/kernel_settings.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

// The last packets of a round are sent then.
constexpr Duration kLastPhase = kPhase * (kPhases - 1);
// How near to a phase a deadline may fall.
constexpr Duration kNear = std::chrono::milliseconds(400);

// Whether a deadline set at one phase falls on another.
bool IsCloseCall(Duration timeout) {
  if (timeout > kLastPhase + kNear) return false;
  const Duration behind = timeout % kPhase;
  return behind < kNear || kPhase - behind < kNear;
}

absl::Status Refused(absl::string_view word, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("\"", word, "\": ", reason));
}

}  // namespace

absl::Status FixedSettings::Add(absl::string_view word) {
  ZoneSettings settings;
  if (absl::Status status = ChangeSetting(word, &settings); !status.ok()) return status;
  const absl::string_view name = word.substr(0, word.find('='));
  if (const absl::string_view reason = WhyNotInKernel(name); !reason.empty()) {
    return Refused(word, absl::StrCat("the kernel cannot be given it: ", reason));
  }
  for (const SettingName& setting : SettingNames()) {
    if (setting.name != name || !setting.is_duration) continue;
    has_timeouts_ = true;
    const Duration timeout(setting.get(settings));
    if (timeout % std::chrono::seconds(1) != Duration(0)) {
      return Refused(word, "Linux counts timeouts in whole seconds");
    }
    if (IsCloseCall(timeout)) {
      return Refused(word, "packets are sent when it ends, and who is first would be chance");
    }
  }
  words_.emplace_back(word);
  return absl::OkStatus();
}

void FixedSettings::ApplyTo(ZoneSettings* settings) const {
  for (const std::string& word : words_) CT_CHECK(ChangeSetting(word, settings).ok());
}

}  // namespace conntrack
