#include "client/sensor/ledger.h"

#include <numeric>

#include "absl/strings/str_cat.h"

namespace conntrack::sensor {

uint64_t Ledger::DiscardedPackets() const {
  return std::accumulate(discarded.begin(), discarded.end(), uint64_t{0});
}

v1::SensorCounts Ledger::ToSensorCounts(const client::IngestCounts& sent) const {
  v1::SensorCounts counts;
  counts.set_captured_packets(read_packets + kernel_dropped_packets);
  counts.set_filtered_packets(DiscardedPackets() + absorbed_fragments);
  counts.set_kernel_dropped_packets(kernel_dropped_packets);
  counts.set_buffer_dropped_packets(sent.dropped_packets);
  return counts;
}

std::string Ledger::Check(const client::IngestCounts& sent) const {
  const uint64_t discarded_packets = DiscardedPackets();
  if (read_packets != decoded_packets + discarded_packets + absorbed_fragments + held_fragments) {
    return absl::StrCat("read ", read_packets, " is not decoded ", decoded_packets, " + discarded ",
                        discarded_packets, " + absorbed fragments ", absorbed_fragments,
                        " + held fragments ", held_fragments);
  }
  if (decoded_packets != sent.sent_packets + open_packets) {
    return absl::StrCat("decoded ", decoded_packets, " is not sent ", sent.sent_packets, " + open ",
                        open_packets);
  }
  const uint64_t settled = sent.acknowledged_packets + sent.rejected_packets + sent.dropped_packets;
  if (sent.sent_packets != settled + sent.pending_packets) {
    return absl::StrCat("sent ", sent.sent_packets, " is not acknowledged ",
                        sent.acknowledged_packets, " + rejected ", sent.rejected_packets,
                        " + dropped ", sent.dropped_packets, " + pending ", sent.pending_packets);
  }
  return "";
}

}  // namespace conntrack::sensor
