#!/usr/bin/env python3
"""Seven minutes of the deployment of docker/compose.yaml, for dashboards to show.

Writes what Prometheus has at the end to DIRECTORY/prometheus, and the time that is to be shown to
DIRECTORY/window.json. Everything is as the compose file has it, but for a limit that is small
enough to be reached, a second sensor in a zone of its own, and who else talks, watches and asks.
"""

import contextlib
import json
import pathlib
import random
import sys
import threading
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/containers"))

from calls import field, raw  # noqa: E402
from compose import podman  # noqa: E402
from deployment import TRAFFIC, Deployment, step, wait_for  # noqa: E402

SHOWN_SECONDS = 360
SERVER = {"CONNTRACK_SERVER_WATCHERS_MAX": "3"}
CONNECTIONS = "/conntrack.v1.ConnectionService/"
# LookupConnectionsRequest: the layout of IPv4, source, destination, protocol, ports of one tuple.
LOOKUP = field(2, 1) + field(3, b"\1\0\x59\x0a") + field(4, b"\2\0\x59\x0a") + field(7, b"\6") + field(8, b"\0\1\0\2")
# What is asked of the server again and again: some things often, and now and then what fails.
QUESTIONS = (
    (20, CONNECTIONS + "CountConnections", b""),
    (10, CONNECTIONS + "CountConnections", field(1, b"protocol = TCP AND state = ESTABLISHED")),
    (10, CONNECTIONS + "ListConnections", b""),
    (5, CONNECTIONS + "LookupConnections", LOOKUP),
    (10, "/conntrack.v1.AdminService/GetStats", b""),
    (1, CONNECTIONS + "ListConnections", field(1, b"state = HAPPY")),
    (1, CONNECTIONS + "GetConnection", field(1, 7)),
)


def ask_all_the_time(address, over):
    channel = grpc.insecure_channel(f"{address}:50051")
    while not over.wait(random.expovariate(15)):
        _, path, request = random.choices(QUESTIONS, weights=[q[0] for q in QUESTIONS])[0]
        with contextlib.suppress(grpc.RpcError):
            channel.unary_unary(path, raw, raw)(request, timeout=10)


class Story:
    """What happens in those minutes: each method of EVENTS at its second."""

    def __init__(self, deployment):
        self.deployment = deployment

    def container(self, name):
        return self.deployment.compose.container(name)

    def talk(self, name, *options):
        podman("run", "-d", "--name", self.container(name), *self.deployment.compose.network_options(),
               "--cap-add", "NET_RAW", TRAFFIC, "talk", "web", *options)

    def remove(self, name):
        podman("rm", "-f", "-t", "0", self.container(name))

    def busier(self):
        self.talk("evening", "--rate", "40")

    def calmer(self):
        self.remove("evening")

    def watcher_with_filter(self):
        self.deployment.watch("udp-watcher", "-p", "udp")

    def third_watcher(self):
        self.deployment.watch("short-watcher", "--snapshot")

    def one_watcher_too_many(self):
        self.deployment.ctl("watch")

    def third_watcher_leaves(self):
        self.remove("short-watcher")

    def broken_segments(self):
        self.talk("broken", "--broken", "25", "--count", "750")

    def syn_flood(self):
        self.talk("flood", "--flood", "40", "--count", "1200")

    def small_zone(self):
        count = int(self.deployment.ctl("count", "--zone", "1").stdout)
        self.deployment.server_ctl("zones", "set", "1", f"connections_max={count * 4 // 5}")

    def large_zone(self):
        self.deployment.server_ctl("zones", "set", "1", "connections_max=5000")

    def server_stands_still(self):
        with self.deployment.paused("server"):
            time.sleep(8)

    EVENTS = ((5, large_zone), (30, watcher_with_filter), (60, busier), (100, third_watcher),
              (120, broken_segments), (145, one_watcher_too_many), (155, one_watcher_too_many), (180, calmer),
              (200, syn_flood), (240, third_watcher_leaves), (265, small_zone), (295, large_zone),
              (320, server_stands_still))

    def tell(self):
        began = time.monotonic()
        for second, event in self.EVENTS:
            time.sleep(max(0, began + second - time.monotonic()))
            step(f"{second:3} s: {event.__name__.replace('_', ' ')}")
            event(self)
        time.sleep(began + SHOWN_SECONDS - time.monotonic())


def begin(deployment, database):
    database.mkdir()
    database.chmod(0o777)
    deployment.start(SERVER, {}, {"/prometheus": str(database.resolve())})
    services = deployment.compose.services
    services["client-sensor"] = {**services["sensor"], "network_mode": "service:client"}
    deployment.compose.start("client-sensor", environment={
        "CONNTRACK_SENSOR_SENSOR_ID": "client", "CONNTRACK_SENSOR_ZONE": "1"})
    connected = "count(conntrack_sensor_connected == 1)"
    wait_for("two sensors in a scrape", lambda: deployment.prometheus.value(connected) == 2)


def main():
    directory = pathlib.Path(sys.argv[1])
    deployment = Deployment()
    deployment.compose.remove_all()
    over = threading.Event()
    try:
        begin(deployment, directory / "prometheus")
        threading.Thread(target=ask_all_the_time, args=(deployment.compose.addresses["server"], over)).start()
        # For rates to have begun where the pictures begin.
        time.sleep(30)
        Story(deployment).tell()
        end = time.time()
        (directory / "window.json").write_text(json.dumps({"begin": end - SHOWN_SECONDS, "end": end}))
        # So that all samples are written.
        podman("stop", "-t", "20", deployment.compose.container("prometheus"))
    except BaseException:
        deployment.show_logs()
        raise
    finally:
        over.set()
        deployment.compose.remove_all()


if __name__ == "__main__":
    main()
