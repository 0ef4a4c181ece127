#include "server/metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/metric.h"
#include "server/tracker/names.h"
#include "server/version.h"

namespace conntrack {
namespace {

using prometheus::MetricType;

constexpr std::array<const char*, kEventTypes> kEventNames = {"new", "update", "destroy"};

template <typename Integer>
double Read(const std::atomic<Integer>& counter) {
  return static_cast<double>(counter.load(std::memory_order_relaxed));
}

// The packets of a sensor's last session whose end is known: the other side of
// the loss ledger.
double Accounted(const Sensor& sensor) {
  return Read(sensor.session_applied_packets) + Read(sensor.earlier_packets) +
         Read(sensor.session_rejected_packets) + Read(sensor.filtered_packets) +
         Read(sensor.kernel_dropped_packets) + Read(sensor.buffer_dropped_packets);
}

double UnixSeconds(Time time) { return static_cast<double>(UnixNanos(time)) / 1e9; }

void TakeAll(std::initializer_list<Metric*> from, std::vector<prometheus::MetricFamily>* to) {
  for (Metric* family : from) to->push_back(family->Take());
}

}  // namespace

void Metrics::CollectZones(std::vector<prometheus::MetricFamily>* families) const {
  Metric connections("conntrack_connections",
                     "Connections open now; states that never occurred have no series.",
                     MetricType::Gauge);
  Metric limit("conntrack_zone_connections_max", "Most connections of the zone.",
               MetricType::Gauge);
  Metric packets("conntrack_packets_total", "Packets by what was decided.", MetricType::Counter);
  Metric invalid("conntrack_invalid_packets_total",
                 "INVALID packets; reasons that never occurred have no series.",
                 MetricType::Counter);
  Metric events("conntrack_events_total", "Changes of connections.", MetricType::Counter);
  Metric evicted("conntrack_evicted_connections_total", "Connections evicted to make room.",
                 MetricType::Counter);
  const ZoneIndex zones = tracker_->zone_count();
  const MutexLock lock(&mutex_);
  shown_.resize(zones);
  for (ZoneIndex index = 0; index < zones; ++index) {
    const Zone& zone = tracker_->zone(index);
    const std::string id = absl::StrCat(zone.id);
    for (size_t gauge = 0; gauge < kConnectionGauges; ++gauge) {
      const double value = Read(zone.by_state[gauge]);
      if (value != 0) shown_[index].set(gauge);
      if (!shown_[index].test(gauge)) continue;
      const GaugeName name = NameOfGauge(gauge);
      // A reader may see a connection's end before its beginning.
      connections.Add({{"zone", id}, {"protocol", name.protocol}, {"state", name.state}},
                      value < 0 ? 0 : value);
    }
    limit.Add({{"zone", id}},
              static_cast<double>(tracker_->GetZoneSettings(index).connections_max));
    for (size_t kind = 0; kind < kVerdictKinds; ++kind) {
      packets.Add({{"zone", id}, {"verdict", NameOf(static_cast<VerdictKind>(kind))}},
                  Read(zone.packets[kind]));
    }
    for (size_t reason = 1; reason < kInvalidReasons; ++reason) {
      const double value = Read(zone.invalid[reason]);
      if (value != 0)
        invalid.Add({{"zone", id}, {"reason", NameOf(static_cast<InvalidReason>(reason))}}, value);
    }
    for (size_t type = 0; type < kEventTypes; ++type) {
      events.Add({{"zone", id}, {"type", kEventNames[type]}}, Read(zone.events[type]));
    }
    evicted.Add({{"zone", id}}, Read(zone.evicted));
  }
  TakeAll({&connections, &limit, &packets, &invalid, &events, &evicted}, families);
}

void Metrics::CollectSensors(std::vector<prometheus::MetricFamily>* families) const {
  Metric connected("conntrack_sensor_connected", "1 while the sensor's stream is open.",
                   MetricType::Gauge);
  Metric batches("conntrack_sensor_batches_total", "Batches of the sensor.", MetricType::Counter);
  Metric packets("conntrack_sensor_packets_total",
                 "Packets of the sensor: applied, of batches that came again, of batches rejected.",
                 MetricType::Counter);
  Metric lag("conntrack_sensor_lag_seconds",
             "From packet to server, of the newest batch; zones on packet time have none.",
             MetricType::Gauge);
  Metric last("conntrack_sensor_last_message_timestamp_seconds",
              "When the sensor's last message came.", MetricType::Gauge);
  Metric captured("conntrack_sensor_captured_packets_total",
                  "Packets that reached the sensor's capture, of its last session.",
                  MetricType::Counter);
  Metric filtered("conntrack_sensor_filtered_packets_total",
                  "Packets that the sensor does not send, of its last session.",
                  MetricType::Counter);
  Metric dropped("conntrack_sensor_dropped_packets_total",
                 "Packets lost at the sensor, by the kernel or by its buffer, of its last session.",
                 MetricType::Counter);
  Metric pending("conntrack_sensor_pending_packets",
                 "Packets that the sensor captured and that nothing is known of yet, of its last "
                 "session: on their way, or lost if the sensor is gone.",
                 MetricType::Gauge);
  for (const SensorRegistry::Row& row : sensors_->List()) {
    const Sensor& sensor = *row.sensor;
    const auto labels = [&](const char* name, const char* value) -> MetricLabels {
      return {{"sensor", sensor.id}, {name, value}};
    };
    const MetricLabels only = {{"sensor", sensor.id}};
    connected.Add(only, sensor.connected.load() ? 1 : 0);
    batches.Add(labels("outcome", "applied"), Read(sensor.applied_batches));
    batches.Add(labels("outcome", "rejected"), Read(sensor.rejected_batches));
    packets.Add(labels("outcome", "applied"), Read(sensor.applied_packets));
    packets.Add(labels("outcome", "duplicate"), Read(sensor.duplicate_packets));
    packets.Add(labels("outcome", "rejected"), Read(sensor.rejected_packets));
    const int64_t lag_ns = sensor.lag_ns.load(std::memory_order_relaxed);
    if (lag_ns >= 0) lag.Add(only, static_cast<double>(lag_ns) / 1e9);
    const Time last_message = sensor.last_message.load(std::memory_order_relaxed);
    if (last_message != kNeverYet) last.Add(only, UnixSeconds(last_message));
    captured.Add(only, Read(sensor.captured_packets));
    filtered.Add(only, Read(sensor.filtered_packets));
    dropped.Add(labels("place", "kernel"), Read(sensor.kernel_dropped_packets));
    dropped.Add(labels("place", "buffer"), Read(sensor.buffer_dropped_packets));
    // The sensor's counts come once a second, so they may be older than ours.
    pending.Add(only, std::max(0.0, Read(sensor.captured_packets) - Accounted(sensor)));
  }
  TakeAll({&connected, &batches, &packets, &lag, &last, &captured, &filtered, &dropped, &pending},
          families);
}

void Metrics::CollectBreakdowns(std::vector<prometheus::MetricFamily>* families) const {
  // No value of a field looks like this.
  constexpr char kOther[] = "(other)";
  Metric kept("conntrack_breakdown_groups", "Groups of the breakdown that are counted apart.",
              MetricType::Gauge);
  Metric limit("conntrack_breakdown_groups_max", "Limit of conntrack_breakdown_groups.",
               MetricType::Gauge);
  const auto sensor_id = [this](uint16_t index) { return sensors_->IdOf(index); };
  const Breakdowns& breakdowns = tracker_->breakdowns();
  for (size_t i = 0; i < breakdowns.size(); ++i) {
    const BreakdownOptions& options = breakdowns[i].options();
    const Grouping& grouping = options.grouping;
    const Breakdown::Largest largest = breakdowns[i].Top(breakdown_series_max_);
    Metric connections(absl::StrCat("conntrack_open_connections_by_", options.name),
                       "Connections open now; those of groups that are not shown are \"(other)\".",
                       MetricType::Gauge);
    const auto add = [&](const std::vector<std::string>& values, uint64_t count) {
      MetricLabels labels;
      for (size_t field = 0; field < grouping.fields(); ++field) {
        labels.push_back(
            {absl::StrReplaceAll(grouping.FieldName(field), {{".", "_"}}), values[field]});
      }
      connections.Add(std::move(labels), static_cast<double>(count));
    };
    for (const Breakdown::Group& group : largest.groups) {
      add(grouping.Text(group.key.data(), sensor_id), group.connections);
    }
    add(std::vector<std::string>(grouping.fields(), kOther), largest.other);
    families->push_back(connections.Take());
    kept.Add({{"breakdown", options.name}}, static_cast<double>(largest.groups_kept));
    limit.Add({{"breakdown", options.name}}, static_cast<double>(options.groups_max));
  }
  if (breakdowns.size() > 0) TakeAll({&kept, &limit}, families);
}

void Metrics::CollectTotals(std::vector<prometheus::MetricFamily>* families) const {
  const auto gauge = [&](const char* name, const char* help, double value) {
    families->push_back(Metric::Single(name, help, MetricType::Gauge, value));
  };
  const auto counter = [&](const char* name, const char* help, double value) {
    families->push_back(Metric::Single(name, help, MetricType::Counter, value));
  };
  gauge("conntrack_table_bytes", "Memory of connection tables and timers.",
        static_cast<double>(tracker_->table_bytes()));
  gauge("conntrack_event_bytes", "Memory of events that watchers may still read.",
        static_cast<double>(tracker_->event_bytes()));
  gauge("conntrack_event_bytes_max", "Limit of conntrack_event_bytes.",
        static_cast<double>(tracker_->options().event_bytes_max));
  gauge("conntrack_watchers", "Watch streams open now.", Read(watch_->watchers));
  counter("conntrack_watch_sent_events_total", "Events sent, summed over watchers.",
          Read(watch_->sent_events));
  counter("conntrack_watch_lost_events_total",
          "Events that watchers were told they lost, summed over watchers.",
          Read(watch_->lost_events));
  Metric refused("conntrack_watch_refused_tokens_total",
                 "Resume tokens refused because what followed is gone: since too long ago, or with "
                 "an earlier run of the server.",
                 MetricType::Counter);
  refused.Add({{"reason", "too_old"}}, Read(watch_->tokens_too_old));
  refused.Add({{"reason", "earlier_run"}}, Read(watch_->tokens_of_earlier_runs));
  families->push_back(refused.Take());
  Metric build("conntrack_build_info", "Always 1; the version is a label.", MetricType::Gauge);
  build.Add({{"version", Version()}}, 1);
  families->push_back(build.Take());
}

std::vector<prometheus::MetricFamily> Metrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  CollectZones(&families);
  CollectSensors(&families);
  CollectBreakdowns(&families);
  CollectTotals(&families);
  return families;
}

}  // namespace conntrack
