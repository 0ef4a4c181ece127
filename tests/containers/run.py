#!/usr/bin/env python3
"""The deployment of docker/compose.yaml, for real; scripts/test-containers says what it shows."""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile
import time

import calls
import deployment as deployed
import prometheus
from compose import podman
from deployment import CTL, MONITORING, ROOT, check, step, wait_for

# Limits that a test can reach. Everything else is as the compose file has it.
SERVER_LIMITS = {"CONNTRACK_SERVER_EVENT_BYTES_MAX": "1MiB", "CONNTRACK_SERVER_WATCHERS_MAX": "2",
                 "CONNTRACK_SERVER_DRAIN_TIMEOUT": "3s"}
SENSOR_LIMITS = {"CONNTRACK_SENSOR_BUFFER_BYTES": str(1 << 20)}

# Expressions that a healthy server gives no data for, and the condition that gives some. Each
# condition is provoked below, and a place named here that had data before it is a mistake as well.
EXCEPTIONS = {
    "alert: ConntrackServerDown": "the server is stopped",
    "alert: ConntrackServerMissing": "Prometheus has no target (asked for a time before its first scrape)",
    "alert: ConntrackRestartLoop": "the server is restarted three times",
    "alert: ConntrackTableNearlyFull": "zone 0 may have few more connections than it has",
    "alert: ConntrackTableFull": "a zone may have one connection and has it",
    "alert: ConntrackSynFlood": "30,000 SYNs that nobody answers",
    "alert: ConntrackInvalidSurge": "segments with SYN and FIN",
    "overview: INVALID by reason A": "segments with SYN and FIN",
    "overview: Half open A": "30,000 SYNs that nobody answers",
    "process: Memory of tables for each connection A": "30,000 SYNs that nobody answers",
    "alert: ConntrackSensorSilent": "the sensor is stopped in its tracks for 30 s",
    "alert: ConntrackSensorLosing": "the server is stopped in its tracks while 100,000 packets are captured",
    "alert: ConntrackAckLag": "packets of an old capture are sent to a zone on server time",
    "alert: ConntrackWatcherLosing": "a watcher is stopped in its tracks while events fill their memory",
    "alert: ConntrackCallsRefused": "one watcher more than watchers_max",
    "grpc: Errors A": "one watcher more than watchers_max",
}


class Trial(deployed.Deployment):
    """The deployment, with what was seen of its expressions and alerts."""

    def __init__(self):
        super().__init__()
        self.with_data = set()
        self.fired = set()
        self.began = time.time()

    def begin(self, scratch):
        scratch = pathlib.Path(scratch)
        # Alerts wait here for seconds, not minutes; nothing else of the rules is changed.
        rules = re.sub(r'for: "\d+m"', 'for: "3s"', (MONITORING / "rules.yaml").read_text())
        (scratch / "rules.yaml").write_text(rules)
        config = (ROOT / "docker/prometheus/prometheus.yaml").read_text()
        (scratch / "prometheus.yaml").write_text(config.replace("_interval: 5s", "_interval: 1s"))
        for name in scratch.iterdir():
            name.chmod(0o644)
        scratch.chmod(0o755)
        self.start(SERVER_LIMITS, SENSOR_LIMITS, {
            "/etc/prometheus/rules.yaml": str(scratch / "rules.yaml"),
            "/etc/prometheus/prometheus.yaml": str(scratch / "prometheus.yaml")})

    def look(self):
        """Notes which expressions have data now, and which alerts are in Alertmanager."""
        for place, expression in prometheus.expressions(MONITORING).items():
            if place not in self.with_data and self.prometheus.query(expression):
                self.with_data.add(place)
        self.fired |= prometheus.alerts(self.compose.addresses["alertmanager"])

    def provoked(self, *places):
        """Waits until these have data, and their alerts are in Alertmanager."""
        names = {p.removeprefix("alert: ") for p in places if p.startswith("alert: ")}

        def all_there():
            self.look()
            return self.with_data.issuperset(places) and self.fired.issuperset(names)

        wait_for(", ".join(places), all_there, 90)
        print(f"  ok: {', '.join(places)}", flush=True)


def start_up_milliseconds():
    """From exec to serving, of five starts from the server's image, without what an engine adds."""
    root = podman("image", "mount", deployed.SERVER).stdout.strip()
    found = []
    try:
        for _ in range(5):
            began = time.monotonic()
            server = subprocess.Popen(
                ["chroot", "--userspec=65532:65532", root, "/usr/bin/conntrack-server", "--listen=127.0.0.1:50051",
                 "--metrics-listen=127.0.0.1:9464"], stderr=subprocess.PIPE, text=True)
            if not any("serves gRPC" in line for line in server.stderr):
                raise SystemExit("FAILED: the server's image does not serve")
            found.append(round(1000 * (time.monotonic() - began)))
            server.terminate()
            server.communicate(timeout=20)
    finally:
        podman("image", "unmount", deployed.SERVER)
    return sorted(found)


def images_say_what_they_are():
    step("Each image has its own title, the same version, revision and licence, and a user without rights")
    common = set()
    for image in (deployed.SERVER, deployed.SENSOR, CTL):
        facts = json.loads(podman("image", "inspect", image).stdout)[0]["Config"]
        labels = {key.removeprefix("org.opencontainers.image."): value for key, value in facts["Labels"].items()}
        check(f"{image}: {labels.get('title')}, {labels.get('description')}",
              labels.get("title") == image.removesuffix(":ci") and labels.get("description"), str(labels))
        common.add((labels.get("version"), labels.get("revision"), labels.get("licenses"), facts["User"]))
    check(f"{common}", len(common) == 1 and all(common.copy().pop()))


def traffic_is_seen(deployment):
    step("Traffic between two containers is seen by the sensor and tracked by the server")
    web = deployment.compose.addresses["web"]
    client = deployment.compose.addresses["client"]
    seen = wait_for("a connection", lambda: int(deployment.ctl(
        "count", "--filter", f'original.source = "{client}" AND reply.source = "{web}" '
        "AND protocol = TCP AND state = ESTABLISHED").stdout or 0))
    check(f"{seen} established connections from {client} to {web}", seen > 0)
    sensors = deployment.ctl("sensors").stdout
    check("the sensor is connected", re.search(r"^web +0 +yes ", sensors, re.M), sensors)
    check("the sensor's id is web, its root read-only, its capability NET_RAW alone",
          deployment.compose.inspect("sensor")["EffectiveCaps"] == ["CAP_NET_RAW"])
    check("the server has no capability", not deployment.compose.inspect("server")["EffectiveCaps"])
    user = deployment.compose.inspect("server")["Config"]["User"]
    check(f"the server's user is {user}", user == "65532:65532")


def everything_has_data(deployment):
    step("Prometheus scrapes; every expression has data but those of EXCEPTIONS")
    places = set(prometheus.expressions(MONITORING))
    check("exceptions name expressions", places.issuperset(EXCEPTIONS), str(set(EXCEPTIONS) - places))
    expected = places - set(EXCEPTIONS)
    wait_for("a scrape", lambda: deployment.prometheus.value('up{job="conntrack-server"}') == 1)

    def all_there():
        # Durations are of calls.
        deployment.server_ctl("count")
        deployment.look()
        return deployment.with_data >= expected

    try:
        wait_for("data", all_there, 90)
    except SystemExit:
        raise SystemExit("FAILED: no data: " + ", ".join(sorted(expected - deployment.with_data))) from None
    check(f"{len(expected)} of {len(places)} expressions have data",
          not deployment.with_data & set(EXCEPTIONS), str(deployment.with_data & set(EXCEPTIONS)))


def alerts_fire(deployment):
    step("Each exception's condition is provoked; its alert fires into Alertmanager")
    run = deployment.compose.run
    early = deployment.prometheus.query('absent(up{job="conntrack-server"})', deployment.began - 3600)
    check("ConntrackServerMissing has data before the first scrape", len(early) == 1)
    deployment.with_data.add("alert: ConntrackServerMissing")

    # Packets of a capture are older than two seconds.
    deployment.replay("tour.pcap", "--zone", "5", "--clock", "server")
    deployment.provoked("alert: ConntrackAckLag")

    deployment.traffic("--broken", "2000", "--count", "20000")
    deployment.provoked("alert: ConntrackInvalidSurge", "overview: INVALID by reason A")

    with deployment.paused("watcher"):
        # For less than the 40 s after which the server takes a silent client for dead.
        deployment.traffic("--flood", "2000", "--count", "30000")
    deployment.provoked("alert: ConntrackWatcherLosing")
    deployment.provoked("alert: ConntrackSynFlood", "overview: Half open A",
                        "process: Memory of tables for each connection A")
    # A watcher that was paused for long may begin anew again and again (docs/operating.md, "What is
    # not there yet"), so a fresh one goes on.
    resets = deployment.compose.logs("watcher").count("RESUME_TOKEN_TOO_OLD")
    print(f"  the watcher that lost began anew {resets} times", flush=True)
    podman("restart", "-t", "0", deployment.compose.container("watcher"))
    wait_for("a fresh watcher", lambda: deployment.prometheus.value("conntrack_watchers") == 1)

    second = run(CTL, "--server", "server:50051", "watch",
                 options=["-d", "--name", deployment.compose.container("second-watcher")])
    check("a second watcher was started", second.returncode == 0, second.stderr)
    wait_for("it", lambda: deployment.prometheus.value("conntrack_watchers") == 2)
    # Its series began at 0, so the first refusal has a rate.
    third = deployment.ctl("watch")
    check("a third is refused", third.returncode == 1 and "more than 2 watchers" in third.stderr, third.stderr)
    deployment.provoked("alert: ConntrackCallsRefused", "grpc: Errors A")

    count = int(deployment.ctl("count", "--zone", "0").stdout)
    deployment.server_ctl("zones", "set", "0", f"connections_max={max(count, 1)}")
    deployment.provoked("alert: ConntrackTableNearlyFull")
    deployment.server_ctl("zones", "set", "0", "connections_max=1048576")

    # Where an unanswered connection is near, it gives way instead.
    deployment.replay("ping.pcap", "--zone", "6")
    deployment.server_ctl("zones", "set", "6", "connections_max=1")
    # A rate needs a sample from before.
    refused = 'count(conntrack_packets_total{zone="6", verdict="table_full"})'
    wait_for("zone 6 in a scrape", lambda: deployment.prometheus.value(refused) == 1)
    deployment.replay("tour.pcap", "--zone", "6")
    deployment.provoked("alert: ConntrackTableFull")

    with deployment.paused("server"):
        deployment.traffic("--flood", "50000", "--count", "100000")
    deployment.provoked("alert: ConntrackSensorLosing")

    with deployment.paused("sensor"):
        deployment.provoked("alert: ConntrackSensorSilent")


def drains_and_restarts(deployment):
    step("SIGTERM drains: every client ends with OK or UNAVAILABLE, the server with 0")
    podman("rm", "-f", "-t", "0", deployment.compose.container("second-watcher"))
    wait_for("a place for a watcher", lambda: deployment.prometheus.value("conntrack_watchers") == 1)
    open_calls = calls.Calls(deployment.compose.addresses["server"])
    podman("stop", "-t", "20", deployment.compose.container("server"))
    codes = open_calls.end()
    print(f"  {codes}")
    check("streams and calls ended with OK or UNAVAILABLE",
          len(codes) == 4 and set(codes.values()) <= {"OK", "UNAVAILABLE"}, str(codes))
    code = deployment.compose.inspect("server")["State"]["ExitCode"]
    log = deployment.compose.logs("server")
    check("the server drained and ended with 0", code == 0 and log.rstrip().endswith("drained"), log[-500:])
    deployment.provoked("alert: ConntrackServerDown")

    step("It comes back; the sensor goes on, and its ledger adds up")
    for _ in range(3):
        began = deployment.prometheus.value("max(process_start_time_seconds)") or 0
        podman("restart", "-t", "20", deployment.compose.container("server"))
        wait_for("a scrape of the new process", lambda began=began: (
            deployment.prometheus.value("max(process_start_time_seconds)") or 0) > began)
    deployment.provoked("alert: ConntrackRestartLoop")
    wait_for("the sensor", lambda: re.search(r"^web +0 +yes ", deployment.ctl("sensors").stdout, re.M))
    watcher = deployment.compose.inspect("watcher")["State"]
    check("the watcher lived through it all", watcher["Running"], deployment.compose.logs("watcher")[-500:])
    podman("stop", deployment.compose.container("client"))
    podman("stop", "-t", "40", deployment.compose.container("sensor"))
    state = deployment.compose.inspect("sensor")["State"]
    summary = deployment.compose.logs("sensor")
    check("the sensor ended with 0, every packet accounted for",
          state["ExitCode"] == 0 and "every packet is accounted for" in summary, summary[-800:])
    check("the server's ledger of it adds up",
          re.search(r"^web .* adds up ", deployment.ctl("sensors").stdout, re.M), deployment.ctl("sensors").stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-data", help="directory for what Prometheus has at the end")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="conntrack-containers.") as scratch:
        deployment = Trial()
        deployment.compose.remove_all()
        try:
            images_say_what_they_are()
            print(f"  ok: the server serves {start_up_milliseconds()} ms after its program began")
            deployment.begin(scratch)
            traffic_is_seen(deployment)
            everything_has_data(deployment)
            alerts_fire(deployment)
            drains_and_restarts(deployment)
            step("Together")
            deployment.look()
            places = set(prometheus.expressions(MONITORING))
            check(f"all {len(places)} expressions had data", deployment.with_data >= places,
                  str(places - deployment.with_data))
            for place, condition in EXCEPTIONS.items():
                print(f"    {place}: {condition}")
            names = {p.removeprefix("alert: ") for p in places if p.startswith("alert: ")}
            # No server that was scraped before can be unknown, so this one is tested by promtool alone.
            check(f"{len(names) - 1} alerts fired into Alertmanager: {', '.join(sorted(deployment.fired))}",
                  deployment.fired >= names - {"ConntrackServerMissing"}, str(names - deployment.fired))
            if options.keep_data:
                subprocess.run(["podman", "cp", deployment.compose.container("prometheus") + ":/prometheus",
                                options.keep_data], check=True)
        except BaseException:
            deployment.show_logs()
            raise
        finally:
            deployment.compose.remove_all()
    print(f"\nEverything held, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
