"""Live traffic: two hosts, a router between them that tracks connections, and a
sensor on the router's interface. What the server tells its watchers equals what
`conntrack -E` prints on the router, state by state.

Needs root, network namespaces, nft and conntrack; exits with 77, and says why,
where it cannot have them.

usage: live_test.py BUILD_DIR
"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration", "chain"))
from chain import Programs, wait_until  # noqa: E402

SKIPPED = 77
TAG = f"live{os.getpid()}"
CLIENT, ROUTER, HOST = f"{TAG}c", f"{TAG}r", f"{TAG}h"
CLIENT_ADDRESS, HOST_ADDRESS = "10.91.1.2", "10.91.2.2"
RULES = "table inet t { chain f { type filter hook forward priority 0; ct state new accept; }; }"


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options)


def inside(namespace, *command):
    return ["ip", "netns", "exec", namespace, *command]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def make_network():
    for namespace in (CLIENT, ROUTER, HOST):
        run("ip", "netns", "add", namespace)
        run(*inside(namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                    "net.ipv6.conf.default.disable_ipv6=1"))
        run(*inside(namespace, "ip", "link", "set", "lo", "up"))
    for namespace, number, address in ((CLIENT, 1, CLIENT_ADDRESS), (HOST, 2, HOST_ADDRESS)):
        run("ip", "link", "add", f"r{number}", "netns", ROUTER, "type", "veth", "peer", "name",
            "e0", "netns", namespace)
        run(*inside(ROUTER, "ip", "addr", "add", f"10.91.{number}.1/24", "dev", f"r{number}"))
        run(*inside(ROUTER, "ip", "link", "set", f"r{number}", "up"))
        run(*inside(namespace, "ip", "addr", "add", f"{address}/24", "dev", "e0"))
        run(*inside(namespace, "ip", "link", "set", "e0", "up"))
        run(*inside(namespace, "ip", "route", "add", "default", "via", f"10.91.{number}.1"))
    run(*inside(ROUTER, "sysctl", "-qw", "net.ipv4.ip_forward=1",
                "net.netfilter.nf_conntrack_events=1"))
    run(*inside(ROUTER, "nft", RULES))
    # One packet on the wire is one packet in the kernel's table: no merging.
    if shutil.which("ethtool"):
        for namespace, device in ((CLIENT, "e0"), (HOST, "e0"), (ROUTER, "r1"), (ROUTER, "r2")):
            run(*inside(namespace, "ethtool", "-K", device, "gro", "off", "gso", "off", "tso",
                        "off", "tx", "off"))


def remove_network():
    for namespace in (CLIENT, ROUTER, HOST):
        subprocess.run(["ip", "netns", "del", namespace], capture_output=True)


def kernel_story(text):
    """(type, protocol, state or id, flags) of each line of conntrack -E, by tuple."""
    stories = {}
    for line in text.splitlines():
        match = re.match(r"\s*\[(NEW|UPDATE|DESTROY)\]\s+(\w+)\s+\d+\s+(.*)", line)
        if not match or match[2] not in ("tcp", "icmp"):
            continue
        rest = match[3]
        state = re.search(r"\b([A-Z][A-Z_0-9]+)\s+src=", rest)
        ends = re.findall(r"src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=(\d+) code=(\d+) id=(\d+))",
                          rest)
        key = (match[2],) + tuple(x for x in ends[0] if x)
        # A DESTROY line without counters has no state in some versions: leave it out.
        step = [match[1]]
        if match[1] != "DESTROY":
            step += [state[1] if state else None, "[UNREPLIED]" in rest, "[ASSURED]" in rest]
        stories.setdefault(key, []).append(step)
    return stories


def our_story(lines):
    stories = {}
    for line in lines:
        event = line.get("event")
        if event is None:
            continue
        connection = event["connection"]
        protocol = connection["protocol"].removeprefix("PROTOCOL_").lower()
        if protocol not in ("tcp", "icmp"):
            continue
        original = connection["original"]
        key = (protocol, original["sourceAddress"], original["destinationAddress"])
        if protocol == "tcp":
            key += (str(original["ports"]["source"]), str(original["ports"]["destination"]))
        else:
            icmp = original["icmp"]
            key += (str(icmp.get("type", 0)), str(icmp.get("code", 0)), str(icmp.get("id", 0)))
        step = [event["type"].removeprefix("EVENT_TYPE_")]
        if step[0] != "DESTROY":
            state = connection.get("tcp", {}).get("state", "").removeprefix("TCP_STATE_") or None
            step += [state, not connection.get("seenReply", False),
                     connection.get("assured", False)]
        stories.setdefault(key, []).append(step)
    return stories


def make_traffic(folder):
    """A real transfer of 200 kB, and a ping."""
    with open(os.path.join(folder, "file"), "wb") as out:
        out.write(os.urandom(200_000))
    web = subprocess.Popen(inside(HOST, sys.executable, "-m", "http.server", "8080", "--directory",
                                  folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: ":8080" in run(*inside(HOST, "ss", "-ltn")).stdout, "the web server")
        run(*inside(CLIENT, "curl", "-sS", "-o", "/dev/null", f"http://{HOST_ADDRESS}:8080/file"))
        run(*inside(CLIENT, "ping", "-c", "2", "-i", "0.2", HOST_ADDRESS))
    finally:
        web.kill()
        web.wait()


def compare(programs, folder):
    server = programs.start_server()
    watch = programs.start_watch()
    sensor = programs.start_sensor("--interface", "r1", "--filter", "ip")
    wait_until(lambda: any(row.get("connected") for row in programs.ctl_lines("sensors")),
               "the sensor is welcome")
    kernel_out = os.path.join(folder, "kernel")
    with open(kernel_out, "w") as out:
        kernel = programs.start(["conntrack", "-E", "-b", "8388608"], stdout=out,
                                stderr=subprocess.DEVNULL)
        # It listens once a first packet shows up.
        def heard():
            run(*inside(CLIENT, "ping", "-c", "1", "-W", "2", HOST_ADDRESS))
            return os.path.getsize(kernel_out) > 0
        wait_until(heard, "conntrack -E listens")
        make_traffic(folder)
        wait_until(lambda: "TIME_WAIT" in open(kernel_out).read(), "the kernel saw the close")
        kernel.terminate()
        kernel.wait()
    sensor.terminate()
    out, err = sensor.communicate(timeout=30)
    assert sensor.returncode == 0, f"sensor: {err}"
    summary = json.loads(out)
    assert int(summary["acknowledged_packets"]) > 100, summary
    programs.drain(server)
    ours = our_story(programs.end_watch(watch))
    kernels = kernel_story(open(kernel_out).read())
    return ours, kernels


def main():
    build, = sys.argv[1:]
    if os.geteuid() != 0:
        skip("not root")
    for tool in ("ip", "nft", "conntrack", "curl", "ping", "ss"):
        if shutil.which(tool) is None:
            skip(f"no {tool}")
    try:
        make_network()
    except subprocess.CalledProcessError as error:
        remove_network()
        skip(f"no network namespaces here: {error.stderr.strip()}")
    try:
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            with Programs(build, prefix=["ip", "netns", "exec", ROUTER]) as programs:
                ours, kernels = compare(programs, folder)
    finally:
        remove_network()
    # The kernel's listener began later than ours: it may have missed the first pings.
    common = {key: steps for key, steps in kernels.items() if steps[0][0] == "NEW"}
    tcp = [key for key in common if key[0] == "tcp"]
    assert tcp and any(key[0] == "icmp" for key in common), f"too little traffic: {common}"
    for key, steps in common.items():
        told = ours.get(key)
        print(key, *steps, sep="\n  ")
        assert told == steps, f"{key}\n  the kernel: {steps}\n  the server: {told}"
    states = [step[1] for step in common[tcp[0]] if len(step) > 1]
    for state in ("SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "TIME_WAIT"):
        assert state in states, f"no {state} in {states}"
    print(f"{len(common)} connections, every step equal")


main()
