// The process's own metrics under their usual names, read from /proc at scrape.
//
// Thread-safe.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace conntrack {

// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds,
// process_start_time_seconds. What /proc does not tell is left out.
class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace conntrack
