"""The deployment of docker/compose.yaml, run by podman from images built beforehand."""

import contextlib
import pathlib
import sys
import time

import compose
import prometheus
from compose import podman

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = ROOT / "k8s/monitoring"
SERVER = "conntrack-server:ci"
SENSOR = "conntrack-sensor:ci"
CTL = "conntrackctl:ci"
TRAFFIC = "conntrack-traffic:ci"


def wait_for(what, predicate, seconds=60):
    """The predicate's first true value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, RuntimeError):
            value = predicate()
            if value:
                return value
        time.sleep(0.2)
    raise SystemExit(f"FAILED: {what} did not come within {seconds} s")


def check(what, condition, detail=""):
    if not condition:
        raise SystemExit(f"FAILED: {what} {detail}")
    print(f"  ok: {what}", flush=True)


def step(text):
    print(f"\n{text}", flush=True)


class Deployment:
    """All services but Grafana, and a watcher of all changes."""

    def __init__(self):
        self.compose = compose.Compose(ROOT / "docker/compose.yaml", "conntrack-test", {
            "conntrack-server": SERVER, "conntrack-sensor": SENSOR, "conntrack-traffic": TRAFFIC,
            "docker.io/prom/prometheus:v2.53.3": "conntrack-test-prometheus:ci",
            "docker.io/prom/alertmanager:v0.27.0": "conntrack-test-alertmanager:ci"})

    def start(self, server, sensor, volumes):
        """With these additions to the environment of server and sensor; `volumes` replaces those
        of Prometheus by the paths in its container."""
        self.compose.create_network()
        self.compose.start("server", environment=server)
        self.compose.start("web")
        wait_for("health", lambda: self.server_ctl("health"))
        self.compose.start("sensor", environment=sensor)
        self.compose.start("client")
        self.compose.start("alertmanager")
        self.compose.start("prometheus", volumes=volumes)
        self.watch("watcher", "-o", "jsonl")
        self.prometheus = prometheus.Prometheus(self.compose.addresses["prometheus"])

    def watch(self, name, *arguments):
        podman("run", "-d", "--name", self.compose.container(name), *self.compose.network_options(), CTL,
               "--server", "server:50051", "watch", *arguments)

    def ctl(self, *arguments):
        return self.compose.run(CTL, "--server", "server:50051", *arguments)

    def server_ctl(self, *arguments):
        """From the server's own host, which may write."""
        return podman("exec", self.compose.container("server"), "/usr/bin/conntrackctl", *arguments)

    def traffic(self, *arguments):
        done = self.compose.run(TRAFFIC, "talk", "web", *arguments, options=["--cap-add", "NET_RAW"])
        check(f"traffic {' '.join(arguments)}", done.returncode == 0, done.stderr)

    def replay(self, capture, *arguments):
        """A capture of tests/traffic, by a sensor without any privilege."""
        done = self.compose.run(
            SENSOR, "--server", "server:50051", "--read", f"/traffic/{capture}", "--sensor-id", "late", *arguments,
            options=["--volume", f"{ROOT}/tests/traffic:/traffic:ro", "--read-only", "--cap-drop", "ALL"])
        check(f"a sensor without privileges replays {capture} {' '.join(arguments)}", done.returncode == 0, done.stderr)

    @contextlib.contextmanager
    def paused(self, name):
        podman("pause", self.compose.container(name))
        try:
            yield
        finally:
            podman("unpause", self.compose.container(name))

    def show_logs(self):
        for name in self.compose.names():
            print(f"--- {name}\n{self.compose.logs(name)[-1500:]}", file=sys.stderr)
