// Recording rules: the ratios that alerts and dashboards share.
{
  local rule(record, expr) = { record: record, expr: expr },
  prometheusRules+:: {
    groups+: [{
      name: 'conntrack.rules',
      rules: [
        rule('zone:conntrack_connections:sum',
             'sum by (job, instance, zone) (conntrack_connections)'),
        rule('zone:conntrack_connections:ratio', |||
          zone:conntrack_connections:sum
            / on (job, instance, zone) conntrack_zone_connections_max
        |||),
        rule('zone:conntrack_half_open_connections:sum', |||
          sum by (job, instance, zone) (
            conntrack_connections{protocol="tcp", state=~"syn_sent|syn_recv|syn_sent2"}
          ) or on (job, instance, zone) 0 * conntrack_zone_connections_max
        |||),
        rule('zone:conntrack_half_open_connections:ratio', |||
          zone:conntrack_half_open_connections:sum
            / on (job, instance, zone) sum by (job, instance, zone) (conntrack_connections{protocol="tcp"})
        |||),
        rule('zone:conntrack_packets:rate5m',
             'sum by (job, instance, zone) (rate(conntrack_packets_total[5m]))'),
        rule('zone:conntrack_invalid_packets:rate5m',
             'sum by (job, instance, zone) (rate(conntrack_packets_total{verdict="invalid"}[5m]))'),
        rule('zone:conntrack_invalid_packets:ratio_rate5m', |||
          zone:conntrack_invalid_packets:rate5m / (zone:conntrack_packets:rate5m > 0)
        |||),
        rule('sensor:conntrack_sensor_lost_packets:rate5m', |||
          sum by (job, instance, sensor) (rate(conntrack_sensor_dropped_packets_total[5m]))
            + on (job, instance, sensor)
          sum by (job, instance, sensor) (rate(conntrack_sensor_packets_total{outcome="rejected"}[5m]))
        |||),
        rule('sensor:conntrack_sensor_lost_packets:ratio_rate5m', |||
          sensor:conntrack_sensor_lost_packets:rate5m
            / on (job, instance, sensor)
          (sum by (job, instance, sensor) (rate(conntrack_sensor_captured_packets_total[5m])) > 0)
        |||),
      ],
    }],
  },
}
