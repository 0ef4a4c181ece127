#include "client/cli/loss_ledger.h"

#include "absl/strings/str_cat.h"

namespace conntrack::cli {

int64_t LedgerBalance(const v1::Sensor& sensor) {
  const v1::SensorCounts& counts = sensor.counts();
  const uint64_t known = sensor.applied_packets() + sensor.earlier_packets() +
                         sensor.rejected_packets() + counts.filtered_packets() +
                         counts.kernel_dropped_packets() + counts.buffer_dropped_packets();
  // Unsigned arithmetic wraps, so the difference is right in either direction.
  return static_cast<int64_t>(counts.captured_packets() - known);
}

std::string LedgerText(const v1::Sensor& sensor) {
  const int64_t balance = LedgerBalance(sensor);
  if (sensor.counts().captured_packets() == 0 && balance != 0) return "no counts";
  if (balance == 0) return "adds up";
  if (balance < 0) return absl::StrCat("counts are ", -balance, " packets old");
  return absl::StrCat(balance, sensor.connected() ? " pending" : " missing");
}

}  // namespace conntrack::cli
