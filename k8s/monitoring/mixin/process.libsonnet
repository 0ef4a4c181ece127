// The process itself.
local panel = import 'panel.libsonnet';

function(config)
  local s = config.selector + ', instance=~"$instance"';
  panel.dashboard('conntrack-process', 'Conntrack / Process', config, [], [
    [
      panel.number('Servers up', 'short', 'sum(up{%s})' % s),
      panel.number('Running for', 's', 'min(time() - process_start_time_seconds{%s})' % s, past=false),
      panel.number('Version', 'string', 'count by (version) (conntrack_build_info{%s})' % s, past=false) + {
        targets: [super.targets[0] { legendFormat: '{{version}}' }],
        options+: { textMode: 'name' },
      },
      panel.number('Restarts within 15 minutes', 'short', 'max(changes(process_start_time_seconds{%s}[15m]))' % s, red=config.restarts + 1, past=false),
    ],
    [
      panel.series('CPU', 'short', [
        ['rate(process_cpu_seconds_total{%s}[$__rate_interval])' % s, '{{instance}}'],
      ], about='Cores in use.'),
      panel.series('Memory', 'bytes', [
        ['process_resident_memory_bytes{%s}' % s, '{{instance}} resident'],
        ['conntrack_table_bytes{%s}' % s, '{{instance}} tables'],
        ['conntrack_event_bytes{%s}' % s, '{{instance}} events'],
      ]),
    ],
    [
      panel.series('Memory of tables for each connection', 'bytes', [
        ['conntrack_table_bytes{%(s)s} / on (job, instance) (sum by (job, instance) (conntrack_connections{%(s)s}) >= 1000)' % { s: s }, '{{instance}}'],
      ], about='From a thousand connections on: with fewer, most of the 2 MiB that are taken at a time is free.'),
      panel.series('Open files', 'short', [['process_open_fds{%s}' % s, '{{instance}}']]),
    ],
  ])
