// Metric gathers the series of one metric at scrape.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace conntrack {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

class Metric {
 public:
  Metric(std::string name, std::string help, prometheus::MetricType type)
      : family_{std::move(name), std::move(help), type, {}} {}

  // A counter or a gauge.
  void Add(MetricLabels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (family_.type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family_.metric.push_back(std::move(metric));
  }
  void Add(prometheus::ClientMetric metric) { family_.metric.push_back(std::move(metric)); }

  // A metric of one series without labels.
  static prometheus::MetricFamily Single(std::string name, std::string help,
                                         prometheus::MetricType type, double value) {
    Metric metric(std::move(name), std::move(help), type);
    metric.Add({}, value);
    return metric.Take();
  }

  prometheus::MetricFamily Take() { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
};

}  // namespace conntrack
