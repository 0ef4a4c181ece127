// What each sensor delivers, how late, and the loss ledger: what became of
// every packet it captured.
local panel = import 'panel.libsonnet';

function(config)
  local s = 'instance=~"$instance", sensor=~"$sensor"';
  panel.dashboard('conntrack-ingest', 'Conntrack / Ingest', config,
                  [['sensor', 'Sensor', 'label_values(conntrack_sensor_connected{instance=~"$instance"}, sensor)']],
                  [
                    [
                      panel.number('Sensors connected', 'short', 'sum(conntrack_sensor_connected{%s})' % s),
                      panel.number('Packets applied', 'pps', 'sum(rate(conntrack_sensor_packets_total{%s, outcome="applied"}[$__rate_interval]))' % s),
                      panel.number('Worst loss', 'percentunit', 'max(sensor:conntrack_sensor_lost_packets:ratio_rate5m{%s})' % s, red=config.lossRatio),
                      panel.number('Worst lag', 's', 'max(conntrack_sensor_lag_seconds{%s})' % s, red=config.lagSeconds),
                    ],
                    [
                      panel.series('Packets applied', 'pps', [
                        ['sum by (sensor) (rate(conntrack_sensor_packets_total{%s, outcome="applied"}[$__rate_interval]))' % s, '{{sensor}}'],
                      ]),
                      panel.series('Packets a batch', 'short', [
                        [|||
                          sum by (sensor) (rate(conntrack_sensor_packets_total{%(s)s, outcome="applied"}[$__rate_interval]))
                            / (sum by (sensor) (rate(conntrack_sensor_batches_total{%(s)s, outcome="applied"}[$__rate_interval])) > 0)
                        ||| % { s: s }, '{{sensor}}'],
                      ], about='Batches of 512 and more cost the server least.'),
                    ],
                    [
                      panel.series('Lag', 's', [
                        ['conntrack_sensor_lag_seconds{%s}' % s, '{{sensor}}'],
                      ], about='From packet to server, of the newest batch. Zones on packet time have none.'),
                      panel.series('Silence', 's', [
                        ['timestamp(%(metric)s) - %(metric)s' % { metric: 'conntrack_sensor_last_message_timestamp_seconds{%s}' % s }, '{{sensor}}'],
                      ], about='From the last message to the scrape. A live sensor speaks each second.'),
                    ],
                    [
                      panel.series('Lost', 'pps', [
                        ['sum by (sensor, place) (rate(conntrack_sensor_dropped_packets_total{%s}[$__rate_interval]))' % s, '{{sensor}} dropped by its {{place}}'],
                        ['sum by (sensor) (rate(conntrack_sensor_packets_total{%s, outcome="rejected"}[$__rate_interval]))' % s, '{{sensor}} rejected'],
                      ]),
                      panel.series('Pending', 'short', [
                        ['conntrack_sensor_pending_packets{%s}' % s, '{{sensor}}'],
                      ], about='Captured, and not yet applied, filtered, rejected or dropped.'),
                    ],
                    [
                      panel.table('Loss ledger', [
                        ['sum by (sensor) (conntrack_sensor_captured_packets_total{%s})' % s, 'captured'],
                        ['sum by (sensor) (conntrack_sensor_packets_total{%s, outcome="applied"})' % s, 'applied'],
                        ['sum by (sensor) (conntrack_sensor_filtered_packets_total{%s})' % s, 'filtered'],
                        ['sum by (sensor) (conntrack_sensor_packets_total{%s, outcome="rejected"})' % s, 'rejected'],
                        ['sum by (sensor) (conntrack_sensor_dropped_packets_total{%s, place="kernel"})' % s, 'dropped by the kernel'],
                        ['sum by (sensor) (conntrack_sensor_dropped_packets_total{%s, place="buffer"})' % s, 'dropped by the buffer'],
                        ['sum by (sensor) (conntrack_sensor_packets_total{%s, outcome="duplicate"})' % s, 'came again'],
                        ['sum by (sensor) (conntrack_sensor_pending_packets{%s})' % s, 'pending'],
                      ], about='Captured, filtered, dropped and pending are of the last session, as its sensor told within the last second; the others count since the server began.'),
                    ],
                  ])
