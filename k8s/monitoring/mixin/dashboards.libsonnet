{
  grafanaDashboards+:: {
    'overview.json': (import 'overview.libsonnet')($._config),
    'ingest.json': (import 'ingest.libsonnet')($._config),
    'subscriptions.json': (import 'subscriptions.libsonnet')($._config),
    'grpc.json': (import 'grpc.libsonnet')($._config),
    'process.json': (import 'process.libsonnet')($._config),
  },
}
