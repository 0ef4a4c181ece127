"""A saved export answers list, get and count as the server does that wrote it.

A zone that was fed from a capture lives on the time of its packets, so that not even
timeouts differ.

usage: saved_test.py BUILD_DIR CAPTURE CAPTURE
"""

import json
import os
import sys
import tempfile

from chain import Programs

FILTERS = [
    "",
    "protocol = TCP",
    "protocol = TCP AND state = TIME_WAIT",
    "state != ESTABLISHED",
    "seen_reply = false",
    "assured = true OR protocol = ICMP",
    "NOT protocol = TCP",
    'ip_in(original.source, "192.0.2.0/30")',
    "port = 80",
    "original.destination_port < 100",
    "icmp.type:*",
    "age > 0.1s",
    "idle < 1s",
    "expires > 60s",
    "packets > 2 AND bytes < 100000",
    "mark = 0x10/0xf0",
    "labels:5",
    "status:ASSURED",
    'sensor = "tour"',
    "zone = 2",
    "slot < 128",
    "family = 6",
]
GROUPS = ["protocol", "state", "original.source/24/64", "original.destination_port,protocol",
          "zone", "sensor", "mark", "slot"]
BAD_FILTERS = ["foo = 1", "protocol = ", "age > x", 'sensor = "nobody"', "port = 99999"]


def main():
    build, *captures = sys.argv[1:]
    with Programs(build) as programs, tempfile.TemporaryDirectory() as directory:
        programs.start_server()
        for zone, sensor, capture in zip("12", ("tour", "other"), captures):
            code, summary = programs.sensor("--read", capture, "--zone", zone, "--sensor-id", sensor)
            assert code == 0, summary
        programs.ctl("update", "-p", "tcp", "--mark", "0x15", "--label-add", "5,127")
        path = os.path.join(directory, "all.ctx")
        programs.ctl("export", "--output-file", path)
        programs.saved = ["--input-file", path]
        compared = compare_lists(programs) + compare_counts(programs) + compare_gets(programs)
        compare_complaints(programs)
        # Through pipes too, and some only.
        some = os.path.join(directory, "some.ctx")
        programs.ctl("export", "-p", "udp", "--output-file", some)
        assert same(programs, ["list", "-p", "udp"], saved=["--input-file", some])
        print(f"{compared} answers are equal")


def same(programs, arguments, saved=None):
    """Whether both answers are one, but for the order of lines; whether they say anything."""
    online = programs.ctl(*arguments)
    offline = programs.ctl(*arguments, *(saved or programs.saved))
    ours, theirs = (sorted(done.stdout.splitlines()) for done in (online, offline))
    if "json" in arguments:
        # Commas stand behind all but the last.
        ours, theirs = ([line.rstrip(",") for line in lines] for lines in (ours, theirs))
        ours.sort(), theirs.sort()
    assert ours == theirs, f"{arguments}\nonline  {ours}\noffline {theirs}"
    return len(ours) > 0


def compare_lists(programs):
    compared = told = 0
    outputs = ("table", "wide", "csv", "json", "conntrack", "extended")
    for number, text in enumerate(FILTERS):
        # Each format meets many filters, and each filter some formats.
        for output in ("jsonl", outputs[number % 6], outputs[(number + 3) % 6]):
            told += same(programs, ["list", "--filter", text, "-o", output])
            compared += 1
    for flags in (["-p", "tcp", "--dport", "80"], ["--unreplied"], ["--assured", "--zone", "1"],
                  ["-s", "192.0.2.1", "--state", "TIME_WAIT"]):
        same(programs, ["list", *flags, "-o", "jsonl"])
        compared += 1
    assert told > compared / 2, "most answers are empty"
    lines = programs.ctl("list", "--limit", "2", "-o", "jsonl", *programs.saved).stdout
    assert lines.count("\n") == 2
    return compared


def compare_counts(programs):
    compared = 0
    for number, text in enumerate(FILTERS):
        same(programs, ["count", "--filter", text])
        # Each filter meets two groupings, each grouping some filters.
        for group in (GROUPS[number % len(GROUPS)], GROUPS[(number + 3) % len(GROUPS)]):
            order = ("connections", "packets", "bytes")[compared % 3]
            same(programs, ["count", "--filter", text, "--group-by", group, "--top", "3",
                            "--order-by", order, "-o", "jsonl"])
            compared += 1
    return compared


def compare_gets(programs):
    compared = 0
    # One of each kind: hundreds of them would say no more.
    kinds = {(c["protocol"], c.get("state"), c.get("status"), c["zone"]): c
             for c in programs.ctl_lines("list")}
    for connection in kinds.values():
        same(programs, ["get", connection["id"], "-o", "jsonl"])
        compared += 1
        if "ports" not in connection["original"]:
            continue
        for tuple_ in (connection["original"], connection["reply"]):
            same(programs, ["get", "-p", str(connection["protocol"].split("_")[1]),
                            "--zone", str(connection["zone"]),
                            "-s", tuple_["sourceAddress"], "-d", tuple_["destinationAddress"],
                            "--sport", str(tuple_["ports"]["source"]),
                            "--dport", str(tuple_["ports"]["destination"]), "-o", "json"])
            compared += 1
    missing = programs.ctl("get", "1", *programs.saved, check=False)
    assert missing.returncode == 3 and "no such connection" in missing.stderr, missing
    return compared


def compare_complaints(programs):
    asked = [["list", "--filter", text] for text in BAD_FILTERS]
    asked += [["count", "--group-by", group] for group in ("port", "nothing", "age")]
    for arguments in asked:
        online = programs.ctl(*arguments, check=False)
        offline = programs.ctl(*arguments, *programs.saved, check=False)
        assert online.returncode == offline.returncode == 2, (arguments, online, offline)
        assert online.stderr == offline.stderr, (online.stderr, offline.stderr)


main()
