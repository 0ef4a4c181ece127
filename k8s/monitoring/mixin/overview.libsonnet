// What is open, what begins and ends, what is INVALID, how full the tables are.
local panel = import 'panel.libsonnet';

function(config)
  local s = 'instance=~"$instance", zone=~"$zone"';
  panel.dashboard('conntrack-overview', 'Conntrack / Overview', config,
                  [['zone', 'Zone', 'label_values(conntrack_zone_connections_max{instance=~"$instance"}, zone)']],
                  [
                    [
                      panel.number('Connections', 'short', 'sum(conntrack_connections{%s})' % s),
                      panel.number('New a second', 'cps', 'sum(rate(conntrack_events_total{%s, type="new"}[$__rate_interval]))' % s),
                      panel.number('Packets a second', 'pps', 'sum(rate(conntrack_packets_total{%s}[$__rate_interval]))' % s),
                      panel.number('INVALID', 'percentunit', |||
                        sum(rate(conntrack_packets_total{%(s)s, verdict="invalid"}[$__rate_interval]))
                          / (sum(rate(conntrack_packets_total{%(s)s}[$__rate_interval])) > 0)
                      ||| % { s: s }, red=config.invalidRatio),
                      panel.number('Fullest zone', 'percentunit', 'max(zone:conntrack_connections:ratio{%s})' % s, red=config.tableFullRatio),
                      panel.number('Half open', 'short', 'sum(zone:conntrack_half_open_connections:sum{%s})' % s, red=config.halfOpenMin),
                    ],
                    [
                      panel.series('Connections by protocol', 'short', [
                        ['sum by (protocol) (conntrack_connections{%s})' % s, '{{protocol}}'],
                      ], stack=true),
                      panel.series('Connections by state', 'short', [
                        ['sum by (protocol, state) (conntrack_connections{%s})' % s, '{{protocol}} {{state}}'],
                      ], stack=true),
                    ],
                    [
                      panel.series('New and closed', 'cps', [
                        ['sum(rate(conntrack_events_total{%s, type="new"}[$__rate_interval]))' % s, 'new'],
                        ['sum(rate(conntrack_events_total{%s, type="destroy"}[$__rate_interval]))' % s, 'closed'],
                      ]),
                      panel.series('Packets by verdict', 'pps', [
                        ['sum by (verdict) (rate(conntrack_packets_total{%s}[$__rate_interval]))' % s, '{{verdict}}'],
                      ], stack=true),
                    ],
                    [
                      panel.series('INVALID by reason', 'pps', [
                        ['sum by (reason) (rate(conntrack_invalid_packets_total{%s}[$__rate_interval]))' % s, '{{reason}}'],
                      ], about='What each reason means: docs/semantics.md.', stack=true),
                      panel.series('Half open', 'short', [
                        ['sum by (zone, state) (conntrack_connections{%s, protocol="tcp", state=~"syn_sent|syn_recv|syn_sent2"})' % s, 'zone {{zone}} {{state}}'],
                      ], about='TCP connections that were begun and not answered.', stack=true),
                    ],
                    [
                      panel.series('Table pressure', 'percentunit', [
                        ['zone:conntrack_connections:ratio{%s}' % s, 'zone {{zone}}'],
                      ], about='Share of the most connections a zone may have.', max=1),
                      panel.series('Evicted and refused', 'cps', [
                        ['sum by (zone) (rate(conntrack_evicted_connections_total{%s}[$__rate_interval]))' % s, 'zone {{zone}} evicted'],
                        ['sum by (zone) (rate(conntrack_packets_total{%s, verdict="table_full"}[$__rate_interval]))' % s, 'zone {{zone}} refused'],
                      ], about='In a full zone unassured connections give way; when there is none, packets are refused.'),
                    ],
                  ])
