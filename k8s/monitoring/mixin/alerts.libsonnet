// Alerts. Each has a page in docs/runbooks, named after it.
{
  local c = $._config,
  local alert(name, severity, wait, expr, summary, description) = {
    alert: name,
    expr: expr,
    'for': wait,
    labels: { severity: severity },
    annotations: {
      summary: summary,
      description: description,
      runbook_url: c.runbookUrl % name,
    },
  },
  prometheusAlerts+:: {
    groups+: [{
      name: 'conntrack.alerts',
      rules: [
        alert('ConntrackServerDown', 'critical', '1m',
              'up{%(selector)s} == 0' % c,
              'conntrack-server cannot be scraped.',
              '{{ $labels.instance }} has not answered for a minute: no tracking, no queries.'),
        alert('ConntrackServerMissing', 'critical', '5m',
              'absent(up{%(selector)s})' % c,
              'No conntrack-server is known to Prometheus.',
              'Discovery finds none: it was removed, or its labels changed.'),
        alert('ConntrackRestartLoop', 'critical', '0m',
              'changes(process_start_time_seconds{%(selector)s}[15m]) > %(restarts)d' % c,
              'conntrack-server restarts again and again.',
              '{{ $labels.instance }} has started {{ $value }} times within 15 minutes; each time its table is lost.'),
        alert('ConntrackTableNearlyFull', 'warning', '5m',
              'zone:conntrack_connections:ratio > %(tableFullRatio)g' % c,
              'A zone is nearly full.',
              'Zone {{ $labels.zone }} on {{ $labels.instance }} has {{ $value | humanizePercentage }} of its connections.'),
        alert('ConntrackTableFull', 'critical', '1m',
              'sum by (job, instance, zone) (rate(conntrack_packets_total{verdict="table_full"}[5m])) > 0',
              'A zone is full: new connections are refused.',
              'Zone {{ $labels.zone }} on {{ $labels.instance }} refuses {{ $value | humanize }} packets a second.'),
        alert('ConntrackSynFlood', 'warning', '2m', |||
          zone:conntrack_half_open_connections:sum > %(halfOpenMin)d
            and zone:conntrack_half_open_connections:ratio > %(halfOpenRatio)g
        ||| % c,
              'Most TCP connections of a zone are half open.',
              '{{ $value }} connections of zone {{ $labels.zone }} on {{ $labels.instance }} were begun and not answered.'),
        alert('ConntrackInvalidSurge', 'warning', '5m', |||
          zone:conntrack_invalid_packets:ratio_rate5m > %(invalidRatio)g
            and zone:conntrack_invalid_packets:rate5m > %(invalidPerSecond)d
        ||| % c,
              'Many packets are INVALID.',
              '{{ $value | humanizePercentage }} of the packets of zone {{ $labels.zone }} on {{ $labels.instance }} are INVALID.'),
        // Sensors that replay files have no lag, and may fall silent.
        alert('ConntrackSensorSilent', 'critical', '1m', |||
          time() - conntrack_sensor_last_message_timestamp_seconds > %(sensorSilentSeconds)d
            and on (job, instance, sensor) conntrack_sensor_lag_seconds
        ||| % c,
              'A sensor says nothing.',
              'Sensor {{ $labels.sensor }} last spoke to {{ $labels.instance }} {{ $value | humanizeDuration }} ago; it should each second.'),
        alert('ConntrackSensorLosing', 'warning', '5m',
              'sensor:conntrack_sensor_lost_packets:ratio_rate5m > %(lossRatio)g' % c,
              'A sensor loses packets.',
              'Sensor {{ $labels.sensor }} of {{ $labels.instance }} loses {{ $value | humanizePercentage }} of what it captures.'),
        alert('ConntrackAckLag', 'warning', '5m',
              'conntrack_sensor_lag_seconds > %(lagSeconds)g' % c,
              'Packets reach the server late.',
              'From sensor {{ $labels.sensor }} to {{ $labels.instance }} packets take {{ $value | humanizeDuration }}.'),
        // How many events a refused token stands for is not known, so the value says nothing.
        alert('ConntrackWatcherLosing', 'warning', '1m', |||
          sum by (job, instance) (rate(conntrack_watch_lost_events_total{%(selector)s}[5m])) > 0
            or sum by (job, instance) (rate(conntrack_watch_refused_tokens_total{%(selector)s, reason="too_old"}[5m])) > 0
        ||| % c,
              'Watchers lose events.',
              'Watchers of {{ $labels.instance }} read too slowly, or came back too late; they were told, and can take a snapshot.'),
        alert('ConntrackCallsRefused', 'warning', '5m', |||
          sum by (job, instance, grpc_service, grpc_method) (
            rate(grpc_server_handled_total{%(selector)s, grpc_code="ResourceExhausted"}[5m])
          ) > 0
        ||| % c,
              'Calls are refused because a limit is reached.',
              '{{ $labels.instance }} refuses {{ $value | humanize }} calls a second of {{ $labels.grpc_service }}.{{ $labels.grpc_method }}.'),
      ],
    }],
  },
}
