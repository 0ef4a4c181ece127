// Dashboards, recording rules and alerts of conntrack-server, in the form of a
// monitoring mixin.
(import 'config.libsonnet') +
(import 'rules.libsonnet') +
(import 'alerts.libsonnet') +
(import 'dashboards.libsonnet')
