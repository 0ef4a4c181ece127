// Calls, errors, latency, messages of streams.
local panel = import 'panel.libsonnet';

function(config)
  local s = config.selector + ', instance=~"$instance", grpc_service=~"$service"';
  local unary = s + ', grpc_type="unary"';
  // A method that was never called has series too; they would fill the legends.
  local called(expr) = |||
    %s
      and sum by (grpc_method) (grpc_server_started_total{%s}) > 0
  ||| % [expr, s];
  local quantile(q) = |||
    histogram_quantile(%(q)s, sum by (grpc_method, le) (rate(grpc_server_handling_seconds_bucket{%(s)s}[$__rate_interval]))) > 0
  ||| % { q: q, s: unary };
  panel.dashboard('conntrack-grpc', 'Conntrack / gRPC', config,
                  [['service', 'Service', 'label_values(grpc_server_started_total{%s, instance=~"$instance"}, grpc_service)' % config.selector]],
                  [
                    [
                      panel.series('Calls begun', 'reqps', [
                        [called('sum by (grpc_method) (rate(grpc_server_started_total{%s}[$__rate_interval]))' % s), '{{grpc_method}}'],
                      ]),
                      panel.series('Calls ended, by code', 'reqps', [
                        // On its own, so that it has the first colour, green.
                        ['sum(rate(grpc_server_handled_total{%s, grpc_code="OK"}[$__rate_interval]))' % s, 'OK'],
                        ['sum by (grpc_code) (rate(grpc_server_handled_total{%s, grpc_code!="OK"}[$__rate_interval]))' % s, '{{grpc_code}}'],
                      ], stack=true),
                    ],
                    [
                      panel.series('Errors', 'reqps', [
                        ['sum by (grpc_method, grpc_code) (rate(grpc_server_handled_total{%s, grpc_code!~"OK|Canceled"}[$__rate_interval])) > 0' % s, '{{grpc_method}} {{grpc_code}}'],
                      ], about='Streams that end with Unavailable were told of a drain.'),
                      panel.series('Streams open', 'short', [
                        [called(|||
                          sum by (grpc_method) (grpc_server_started_total{%(s)s, grpc_type!="unary"})
                            - sum by (grpc_method) (grpc_server_handled_total{%(s)s, grpc_type!="unary"})
                        ||| % { s: s }), '{{grpc_method}}'],
                      ]),
                    ],
                    [
                      panel.series('Duration of unary calls, median', 's', [[quantile('0.5'), '{{grpc_method}}']], about='Between the bounds of a histogram; the lowest is 100 µs.'),
                      panel.series('Duration of unary calls, 99 %', 's', [[quantile('0.99'), '{{grpc_method}}']], about='Between the bounds of a histogram.'),
                    ],
                    [
                      panel.series('Messages received', 'mps', [
                        [called('sum by (grpc_method) (rate(grpc_server_msg_received_total{%s}[$__rate_interval]))' % s), '{{grpc_method}}'],
                      ]),
                      panel.series('Messages sent', 'mps', [
                        [called('sum by (grpc_method) (rate(grpc_server_msg_sent_total{%s}[$__rate_interval]))' % s), '{{grpc_method}}'],
                      ]),
                    ],
                  ])
