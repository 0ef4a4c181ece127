// What an installation may want otherwise. Thresholds of alerts have their
// reasons in docs/runbooks.
{
  _config+:: {
    // The scrape jobs of the server.
    selector: 'job="conntrack-server"',
    // Where runbooks are found; %s is the alert's name.
    runbookUrl: 'docs/runbooks/%s.md',
    tags: ['conntrack'],

    tableFullRatio: 0.9,
    halfOpenMin: 1000,
    halfOpenRatio: 0.5,
    sensorSilentSeconds: 30,
    lossRatio: 0.001,
    lagSeconds: 2,
    invalidRatio: 0.1,
    invalidPerSecond: 10,
    restarts: 2,
  },
}
