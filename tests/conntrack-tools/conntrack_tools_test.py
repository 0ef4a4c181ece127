"""conntrack(8) and ours side by side: the same packets through a kernel and, by a
sensor on its path, to a server; then the command lines of combinations.txt to both.
Output, complaints and exit codes must be equal but for what canonical.py names.

Needs root, namespaces, nft and conntrack 1.4.7; exits with 77, and says why, where
it cannot have them.

usage: conntrack_tools_test.py BUILD_DIR
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration", "chain"))
import canonical  # noqa: E402
import network  # noqa: E402
import traffic  # noqa: E402
from chain import Programs, wait_until  # noqa: E402

SKIPPED = 77
VERSION = "conntrack v1.4.7 (conntrack-tools)"
LABELS = {"web": 0, "mail": 5, "last": 127}
# Long enough for the test, however slow the machine.
TIMEOUTS = {"udp": "udp_timeout", "udp_stream": "udp_timeout_stream", "icmp": "icmp_timeout",
            "icmpv6": "icmpv6_timeout", "gre": "gre_timeout", "gre_stream": "gre_timeout_stream"}
TCP_TIMEOUTS = ("syn_sent", "syn_recv", "fin_wait", "close_wait", "last_ack", "time_wait", "close")
TIMEOUT_SECONDS = 900


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def read_combinations():
    """The lines of each section: (line, the reason why it must be unlike or None)."""
    sections, reason = {}, None
    with open(os.path.join(HERE, "combinations.txt")) as table:
        for line in map(str.strip, table):
            if line.startswith("["):
                section = sections.setdefault(line.strip("[]"), [])
            elif line.startswith("unlike "):
                reason = line.removeprefix("unlike ")
            elif line and not line.startswith("#"):
                section.append((line, reason))
                reason = None
    return sections


class Both:
    """The two programs, asked alike."""

    def __init__(self, programs, folder):
        link = os.path.join(folder, "conntrack")
        os.symlink(os.path.abspath(programs.ctl_path), link)
        self.paths = {"theirs": shutil.which("conntrack"), "ours": link}
        self.environment = {**os.environ, "CONNTRACKCTL_SERVER": programs.listen}
        self.folder = folder
        self.programs = programs
        self.equal = self.unlike = 0
        self.failures = []

    def ask(self, who, line):
        """Exit code, output and complaints."""
        done = subprocess.run([self.paths[who], *line.split()], env=self.environment, text=True,
                              capture_output=True, timeout=30)
        return done.returncode, done.stdout, canonical.complaints(done.stderr)

    @staticmethod
    def difference(theirs, ours):
        if theirs[0] != ours[0]:
            return f"exit codes {theirs[0]} and {ours[0]}; complaints {theirs[2]!r}, {ours[2]!r}"
        if theirs[2] != ours[2]:
            return f"theirs complains {theirs[2]!r}\n  ours            {ours[2]!r}"
        return canonical.difference(canonical.complaints(theirs[1]), canonical.complaints(ours[1]))

    def judge(self, line, reason, theirs, ours):
        """Writes down whether the answers are as they should be."""
        found = self.difference(theirs, ours)
        if reason is not None:
            self.unlike += 1
            if found is None:
                self.failures.append(f"conntrack {line}\n  equal, though {reason}")
            return
        self.equal += 1
        if found is not None:
            self.failures.append(f"conntrack {line}\n  {found}")
        elif " " in ours[1]:
            # A blank more would have been found.
            broken = (ours[0], ours[1].replace(" ", "  ", 1), ours[2])
            assert self.difference(theirs, broken) is not None, line

    def run(self, line, reason):
        theirs, ours = self.ask("theirs", line), self.ask("ours", line)
        # -E of a kind that is refused ends at once; what lists may be asked again when
        # the table just changed.
        self.judge(line, reason, theirs, ours)

    def follow(self, lines):
        """Starts each line, an -E, in both programs; returns once all listen."""
        streams = []
        for number, (line, reason) in enumerate(lines):
            pair = {}
            for who, path in self.paths.items():
                files = [open(os.path.join(self.folder, f"{who}-{len(line)}-{number}-{kind}"), "w+")
                         for kind in ("out", "err")]
                pair[who] = (self.programs.start([path, *line.split()], env=self.environment,
                                                 stdout=files[0], stderr=files[1]), files)
            streams.append((line, reason, pair))
        wait_until(lambda: listeners() >= len(lines), "conntrack -E listens")
        wait_until(lambda: self.programs.ctl_lines("stats")[0].get("watchers", 0) >= len(lines),
                   "our watches begin")
        return streams

    def end(self, streams):
        """Ends the streams when they say the same, or after a while, and judges them."""
        def text(files, index):
            files[index].seek(0)
            return files[index].read()

        def settled():
            return all(reason is not None or
                       not canonical.difference(text(pair["theirs"][1], 0), text(pair["ours"][1], 0))
                       for _, reason, pair in streams)
        deadline = time.monotonic() + 5
        while not settled() and time.monotonic() < deadline:
            time.sleep(0.1)
        for line, reason, pair in streams:
            answers = []
            for process, files in pair.values():
                process.send_signal(signal.SIGINT)
                code = process.wait(timeout=30)
                answers.append((code, text(files, 0), canonical.complaints(text(files, 1))))
                for file in files:
                    file.close()
            assert answers[0][1], f"conntrack {line}: no event, so nothing was compared"
            self.judge(line, reason, *answers)


def listeners():
    """Sockets of Netfilter's netlink that belong to a group."""
    with open("/proc/net/netlink") as table:
        rows = [row.split() for row in table][1:]
    return sum(row[1] == "12" and int(row[3], 16) != 0 for row in rows)


def start_sensors(programs):
    sensors = [programs.start_sensor("--interface", interface, "--zone", str(zone),
                                     "--sensor-id", interface)
               for interface, zone in (("r1", 0), ("z1", network.ZONE))]
    wait_until(lambda: sum(row.get("connected", False)
                           for row in programs.ctl_lines("sensors")) == len(sensors),
               "the sensors are welcome")
    for zone in (0, network.ZONE):
        programs.ctl("zones", "set", str(zone),
                     *(f"timeouts.{ours}={TIMEOUT_SECONDS}s" for ours in TIMEOUTS),
                     *(f"tcp.{state}={TIMEOUT_SECONDS}s" for state in TCP_TIMEOUTS))
    network.run("sysctl", "-qw",
                *(f"net.netfilter.nf_conntrack_{name}={TIMEOUT_SECONDS}"
                  for name in TIMEOUTS.values()),
                *(f"net.netfilter.nf_conntrack_tcp_timeout_{state}={TIMEOUT_SECONDS}"
                  for state in TCP_TIMEOUTS))


def compare(both, events, lines, send):
    streams = both.follow(events)
    send()

    def arrived():
        return canonical.difference(both.ask("theirs", "-L")[1], both.ask("ours", "-L")[1]) is None
    deadline = time.monotonic() + 5
    while not arrived() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "flow entries" in both.ask("theirs", "-L")[2]
    for line, reason in lines:
        both.run(line, reason)
    both.end(streams)


def check_can_run():
    if os.geteuid() != 0:
        skip("not root")
    for tool in ("ip", "nft", "conntrack", "sysctl", "mount"):
        if shutil.which(tool) is None:
            skip(f"no {tool}")
    version = subprocess.run(["conntrack", "-V"], text=True, capture_output=True).stdout.strip()
    if version != VERSION:
        skip(f"{version or 'conntrack'} is not {VERSION}")


def main():
    build, = sys.argv[1:]
    check_can_run()
    sections = read_combinations()
    with tempfile.TemporaryDirectory() as folder:
        try:
            wires = network.Network()
            network.name_labels(folder, LABELS)
        except (network.CannotHave, subprocess.CalledProcessError) as error:
            skip(f"no namespaces here: {getattr(error, 'stderr', None) or error}")
        with Programs(build) as programs:
            programs.start_server()
            start_sensors(programs)
            both = Both(programs, folder)
            compare(both, sections["events"], sections["lines"],
                    lambda: traffic.send_all(wires))
            network.run("sysctl", "-qw", "net.netfilter.nf_conntrack_timestamp=1")
            compare(both, sections["times events"], sections["times"],
                    lambda: traffic.send_some(wires))
        # What is mounted over /etc, and is in the folder, goes with this process.
        network.run("umount", "/etc")
    for failure in both.failures:
        print(failure)
    print(f"{both.equal} command lines, {len(both.failures)} failures; "
          f"{both.unlike} more are unlike on purpose")
    sys.exit(1 if both.failures else 0)


main()
