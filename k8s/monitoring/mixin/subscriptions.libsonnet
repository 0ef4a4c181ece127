// Who watches, what is sent, what was lost.
local panel = import 'panel.libsonnet';

function(config)
  local s = 'instance=~"$instance"';
  panel.dashboard('conntrack-subscriptions', 'Conntrack / Subscriptions', config, [], [
    [
      panel.number('Watchers', 'short', 'sum(conntrack_watchers{%s})' % s),
      panel.number('Events made', 'eps', 'sum(rate(conntrack_events_total{%s}[$__rate_interval]))' % s),
      panel.number('Events sent', 'eps', 'sum(rate(conntrack_watch_sent_events_total{%s}[$__rate_interval]))' % s),
      panel.number('Events lost', 'eps', 'sum(rate(conntrack_watch_lost_events_total{%s}[$__rate_interval]))' % s, red=1e-9),
    ],
    [
      panel.series('Events made', 'eps', [
        ['sum by (type) (rate(conntrack_events_total{%s}[$__rate_interval]))' % s, '{{type}}'],
      ], stack=true),
      panel.series('Events sent and lost, summed over watchers', 'eps', [
        ['rate(conntrack_watch_sent_events_total{%s}[$__rate_interval])' % s, '{{instance}} sent'],
        ['rate(conntrack_watch_lost_events_total{%s}[$__rate_interval])' % s, '{{instance}} lost'],
      ], about='Watchers with a filter are sent fewer than are made.'),
    ],
    [
      panel.series('Event memory', 'bytes', [
        ['conntrack_event_bytes{%s}' % s, '{{instance}} in use'],
        ['conntrack_event_bytes_max{%s}' % s, '{{instance}} limit'],
      ], about='At its limit the oldest events go; a watcher that has not read them is told how many it lost.'),
      panel.series('Watchers', 'short', [['conntrack_watchers{%s}' % s, '{{instance}}']]),
      panel.series('Resume tokens refused', 'ops', [
        ['sum by (reason) (rate(conntrack_watch_refused_tokens_total{%s}[$__rate_interval]))' % s, '{{reason}}'],
      ], about='Watchers that came back too late, or after a restart of the server: what happened meanwhile is lost to them.'),
    ],
  ])
