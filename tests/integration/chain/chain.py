"""The three programs as processes, for tests that run the whole chain.

Standard library only. Every wait has an end; nothing is left running.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time

DEADLINE_SECONDS = 30


def free_port(address="127.0.0.1"):
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def wait_until(condition, what):
    """Asks until `condition()` is true; fails after DEADLINE_SECONDS."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"gave up waiting: {what}")
        time.sleep(0.05)


class Programs:
    """Where the programs are, and a server between them."""

    def __init__(self, build, prefix=(), address="127.0.0.1"):
        self.server_path = os.path.join(build, "server", "conntrack-server")
        self.sensor_path = os.path.join(build, "client", "sensor", "conntrack-sensor")
        self.ctl_path = os.path.join(build, "client", "cli", "conntrackctl")
        # Runs before each command: ["ip", "netns", "exec", NAME].
        self.prefix = list(prefix)
        self.listen = f"{address}:{free_port()}"
        self.metrics = f"{address}:{free_port()}"
        self.processes = []
        self.log = tempfile.TemporaryFile(mode="w+")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        if failure[0] is not None:
            self.log.seek(0)
            print("the server's log:", self.log.read(), sep="\n")

    def start(self, command, **options):
        process = subprocess.Popen(self.prefix + command, text=True, **options)
        self.processes.append(process)
        return process

    def start_server(self, *flags):
        server = self.start(
            [self.server_path, "--listen", self.listen, "--metrics-listen", self.metrics, *flags],
            stderr=self.log)
        wait_until(lambda: self.ctl("stats", check=False).returncode == 0, "the server answers")
        return server

    def start_sensor(self, *flags):
        return self.start([self.sensor_path, "--server", self.listen, "-o", "json", *flags],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def sensor(self, *flags):
        """Runs a sensor to its end; returns its exit code and summary."""
        sensor = self.start_sensor(*flags)
        out, err = sensor.communicate(timeout=DEADLINE_SECONDS)
        assert out, f"no summary; stderr: {err}"
        return sensor.returncode, json.loads(out)

    def ctl(self, *arguments, check=True):
        done = subprocess.run(self.prefix + [self.ctl_path, "--server", self.listen, *arguments],
                              text=True, capture_output=True, timeout=DEADLINE_SECONDS)
        if check and done.returncode != 0:
            raise AssertionError(f"conntrackctl {arguments}: {done.stderr}")
        return done

    def ctl_lines(self, *arguments):
        """The objects of a jsonl output."""
        out = self.ctl(*arguments, "-o", "jsonl").stdout
        return [json.loads(line) for line in out.splitlines() if line]

    def start_watch(self, *flags):
        """Starts a watch; end_watch has its lines. They go to a file: a pipe that nobody
        reads would stop it."""
        lines = tempfile.TemporaryFile(mode="w+")
        watch = self.start([self.ctl_path, "--server", self.listen, "watch", "-o", "jsonl", *flags],
                           stdout=lines, stderr=subprocess.PIPE)
        wait_until(lambda: self.ctl_lines("stats")[0].get("watchers", 0) > 0, "the watch begins")
        return watch, lines

    @staticmethod
    def end_watch(watch):
        """Ends a watch whose server has gone; returns the objects it printed."""
        process, lines = watch
        # It says so once the last event is out.
        assert "trying again" in process.stderr.readline()
        process.terminate()
        process.communicate(timeout=DEADLINE_SECONDS)
        lines.seek(0)
        return [json.loads(line) for line in lines]

    def drain(self, server):
        """Ends the server as an orchestrator does; fails unless it exits with 0."""
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=DEADLINE_SECONDS)
        assert code == 0, f"the server exited with {code}"
