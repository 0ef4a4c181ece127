// Metrics reads the counters of the tracker, the sensors and the watchers when
// it is scraped. Nothing is counted twice and no table is walked: the cost of a
// scrape grows with zones, sensors and the groups of breakdowns, not with connections.
//
// Thread-safe. A scrape takes each slot's lock once, for as long as adding
// three numbers takes (conntrack_table_bytes), and the registry's.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <bitset>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/sensors.h"
#include "server/tracker/connection.h"
#include "server/tracker/mutex.h"
#include "server/tracker/tracker.h"
#include "server/tracker/verdict.h"
#include "server/watch_stats.h"

namespace conntrack {

class Metrics : public prometheus::Collectable {
 public:
  // The pointers must outlive this.
  // `breakdown_series_max` groups of each breakdown are shown.
  Metrics(Tracker* tracker, const SensorRegistry* sensors, const WatchStats* watch,
          size_t breakdown_series_max)
      : tracker_(tracker),
        sensors_(sensors),
        watch_(watch),
        breakdown_series_max_(breakdown_series_max) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // What a zone has shown before, so that a series that went back to zero stays.
  using Shown = std::bitset<kConnectionGauges>;

  void CollectZones(std::vector<prometheus::MetricFamily>* families) const;
  void CollectSensors(std::vector<prometheus::MetricFamily>* families) const;
  void CollectBreakdowns(std::vector<prometheus::MetricFamily>* families) const;
  void CollectTotals(std::vector<prometheus::MetricFamily>* families) const;

  Tracker* const tracker_;
  const SensorRegistry* const sensors_;
  const WatchStats* const watch_;
  const size_t breakdown_series_max_;
  mutable Mutex mutex_;
  mutable std::vector<Shown> shown_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace conntrack
