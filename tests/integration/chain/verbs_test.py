"""conntrackctl's verbs against a server into whose zone 1 a capture was replayed.

usage: verbs_test.py BUILD_DIR CAPTURE
"""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import tempfile

from chain import Programs, wait_until

SSH = ["-p", "tcp", "-s", "192.0.2.1", "--sport", "53786", "-d", "192.0.2.2", "--dport", "22",
       "--zone", "1"]
CTL = None


def run(*arguments, code=0, environment=None, stdin=None):
    """Standard output of a run that must end with `code`; what it complains of otherwise."""
    done = CTL(arguments, environment, stdin)
    assert done.returncode == code, (
        f"{arguments} exits with {done.returncode}, not {code}: {done.stderr or done.stdout}")
    return done.stdout if code == 0 else done.stderr


def connections(*flags):
    return json.loads(run("list", *flags, "-o", "json"))["connections"]


def check_lookup():
    [row] = [json.loads(line) for line in run("lookup", *SSH, "-o", "jsonl").splitlines()]
    assert row["verdict"] == "VERDICT_ESTABLISHED" and row["state"] == "ESTABLISHED", row
    assert row["direction"] == "DIRECTION_ORIGINAL", row
    # What list prints is what lookup reads, in any number, and finds.
    listed = run("list", "-o", "conntrack")
    rows = json.loads(run("lookup", "--tuples", "-", "-o", "json", stdin=listed * 2000))
    ids = sorted(row["id"] for row in rows)
    assert ids == sorted([connection["id"] for connection in connections()] * 2000)
    assert len(rows) > 4096, "one batch shows nothing"
    nobody = "tcp src=192.0.2.1 dst=192.0.2.2 sport=1 dport=2 zone=1\n"
    assert "no such connection" in run("lookup", "--tuples", "-", stdin=nobody, code=3)
    complaint = run("lookup", "--tuples", "-", stdin="# first\n\ntcp src=1 dst=2\n", code=2)
    assert "standard input:3: a tuple needs both ports" in complaint, complaint


def check_explain():
    def explain(*flags):
        return json.loads(run("explain", *SSH, *flags, "-o", "json"))

    before = connections("--zone", "1")
    answer = explain("--tcp-flags", "RST", "--seq", "1")
    assert answer["verdict"] == "VERDICT_INVALID" and answer["before"], answer
    answer = explain("--tcp-flags", "SYN,FIN")
    assert answer["invalidReason"] == "INVALID_REASON_TCP_FLAGS", answer
    error = json.loads(run(
        "explain", "-p", "icmp", "-s", "192.0.2.2", "-d", "192.0.2.1", "--icmp-type", "3",
        "--icmp-code", "3", "--zone", "1", "-o", "json",
        "--quote", "tcp src=192.0.2.1 dst=192.0.2.2 sport=53786 dport=22"))
    assert error["verdict"] == "VERDICT_RELATED", error
    assert error["before"]["tcp"]["state"] == "TCP_STATE_ESTABLISHED", error
    new = json.loads(run("explain", "-p", "udp", "-s", "2001:db8::1", "--sport", "1", "-d",
                         "2001:db8::2", "--dport", "2", "--zone", "1", "-o", "json"))
    assert new["verdict"] == "VERDICT_NEW" and new["after"]["id"] == "0", new
    assert "before" not in new and [e["type"] for e in new["events"]] == ["EVENT_TYPE_NEW"], new
    assert "zone 99 does not exist" in run("explain", "-p", "41", "-s", "192.0.2.1", "-d",
                                           "192.0.2.2", "--zone", "99", code=3)
    assert connections("--zone", "1") == before, "explain changed something"


def check_update():
    tcp = len(connections("-p", "tcp"))
    answer = json.loads(run("update", "-p", "tcp", "--mark", "0x10", "--dry-run", "-o", "json"))
    assert answer == {"matchedConnections": str(tcp), "updatedConnections": str(tcp)}, answer
    assert all(c["mark"] == 0 for c in connections()), "a dry run changed a mark"
    table = run("update", "-p", "tcp", "--mark", "0x10", "--label-add", "1,5")
    assert table.split() == ["MATCHED", "UPDATED", "DRY", "RUN", str(tcp), str(tcp), "no"], table
    run("update", "-p", "tcp", "--mark", "0x1/0xf", "--label-del", "5")
    assert {(c["mark"], tuple(c["labels"])) for c in connections("-p", "tcp")} == {(17, (1,))}
    run("update", *SSH[:8], "--labels", "2,3", "--timeout", "1h")
    [ssh] = connections("--filter", "labels:3")
    assert ssh["labels"] == [2, 3] and ssh["timeout"] == "3600s", ssh
    run("update", "--all", "--labels", "none")
    assert all(c["labels"] == [] for c in connections())
    assert "filter is empty" in run("update", "--mark", "1", code=2)
    assert "--mark \"x\" is not a number" in run("update", "--all", "--mark", "x", code=2)
    assert "--labels \"128\"" in run("update", "--all", "--labels", "128", code=2)
    assert "bits outside" in run("update", "--all", "--mark", "2/1", code=2)


def check_formats(directory):
    every = ["--zone", "1"]
    listed = connections(*every)
    rows = list(csv.reader(io.StringIO(run("list", *every, "-o", "csv"), newline="")))
    assert len(rows) == len(listed) + 1 and {len(row) for row in rows} == {len(rows[0])}
    by_name = [dict(zip(rows[0], row)) for row in rows[1:]]
    for row, connection in zip(by_name, listed):
        assert row["id"] == connection["id"], row
        assert row["original_source"] == connection["original"]["sourceAddress"], row
        assert row["original_bytes"] == connection["originalCounters"]["bytes"], row
        assert row["create_time"] == connection["createTime"], row
        assert row["timeout_seconds"] + "s" == connection["timeout"], row
        assert row["assured"] == str(connection["assured"]).lower(), row
    largest = [int(c["originalCounters"]["bytes"]) + int(c["replyCounters"]["bytes"])
               for c in connections(*every, "--order-by", "bytes desc")]
    assert len(largest) == len(listed) and largest == sorted(largest, reverse=True), largest
    assert "does not hold a number" in run("list", "--order-by", "state", code=2)
    wide = run("list", *every, "-o", "wide").splitlines()
    for word in ("MARK", "LABELS", "AGE", "IDLE", "EXPIRES", "REPLY SOURCE", "SENSOR", "SLOT"):
        assert word in wide[0], wide[0]
    verbs = [["count"], ["count", "--group-by", "protocol"], ["stats"], ["sensors"], ["zones"],
             ["zones", "show", "1"], ["zones", "--settings"], ["health"], ["version"],
             ["lookup", *SSH], ["explain", *SSH, "--tcp-flags", "ACK"], ["flush", "--dry-run"],
             ["delete", "-p", "tcp", "--dry-run"], ["update", "--all", "--mark", "1", "--dry-run"],
             ["get", *SSH], ["export", "--output-file", os.path.join(directory, "formats.ctx")]]
    for verb in verbs:
        json.loads(run(*verb, "-o", "json"))
        for line in run(*verb, "-o", "jsonl").splitlines():
            json.loads(line)
        table = list(csv.reader(io.StringIO(run(*verb, "-o", "csv"), newline="")))
        assert len(table) > 1 and {len(row) for row in table} == {len(table[0])}, (verb, table)
        assert run(*verb, "-o", "wide"), verb
        if verb[0] != "get":
            complaint = run(*verb, "-o", "conntrack", code=2)
            assert "output \"conntrack\" is none of table, wide, json, jsonl, csv" in complaint
    assert "output \"xml\"" in run("list", "-o", "xml", code=2)
    # The zone shows what it says of itself, and no other.
    assert "connections_max" in run("zones", "show", "1")
    assert "zone 9 does not exist" in run("zones", "show", "9", code=3)


def check_colours():
    escape = "\x1b["
    assert escape not in run("list"), "colours in a pipe"
    assert escape in run("list", "--color", "always")
    assert escape in run("list", "--color=always", "-o", "wide")
    for output in ("json", "jsonl", "csv", "conntrack"):
        assert escape not in run("list", "--color", "always", "-o", output), output

    def on_terminal(*flags, **environment):
        ours, theirs = pty.openpty()
        CTL(["list", *flags], environment, None, stdout=theirs)
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 65536):
                text += chunk
        except OSError:  # The other end is closed.
            pass
        os.close(ours)
        return text.decode()

    assert escape in on_terminal(TERM="xterm")
    assert escape not in on_terminal(TERM="xterm", NO_COLOR="1")
    assert escape not in on_terminal(TERM="dumb")
    assert escape not in on_terminal("--color", "never", TERM="xterm")
    assert "none of auto, always, never" in run("list", "--color", "red", code=2)


def check_configuration(programs, directory):
    def bare(*arguments, code=0, **environment):
        done = subprocess.run([programs.ctl_path, *arguments], text=True, capture_output=True,
                              env={"HOME": directory, **environment}, timeout=30)
        assert done.returncode == code, f"{arguments}: {done.returncode}: {done.stderr}"
        return done.stdout if code == 0 else done.stderr

    path = os.path.join(directory, ".config", "conntrack", "ctl.yaml")
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write(f"server: {programs.listen}\noutput: jsonl\n")
    json.loads(bare("stats"))
    # The environment counts more than a file, a flag more than both.
    assert bare("stats", CONNTRACKCTL_OUTPUT="csv").startswith("total,value")
    assert bare("stats", "-o", "table", CONNTRACKCTL_OUTPUT="csv").startswith("TOTAL")
    assert "cannot reach" in bare("stats", "--server", "127.0.0.1:1", code=1)
    other = os.path.join(directory, "other.yaml")
    with open(other, "w") as file:
        file.write(f"# mine\nserver: {programs.listen}\ncolour: never\n")
    assert f"{other}:3:1: unknown key colour; there are server, tls, " in bare(
        "--config", other, "stats", code=2)
    with open(other, "w") as file:
        file.write("tls: perhaps\n")
    assert f"{other}:1:6: tls \"perhaps\" is not true or false" in bare(
        "stats", code=2, CONNTRACKCTL_CONFIG=other)
    assert "there is no configuration file" in bare("--config", other + "x", "stats", code=2)


def check_export_and_import(directory):
    path = os.path.join(directory, "all.ctx")
    listed = connections()
    answer = json.loads(run("export", "--output-file", path, "-o", "json"))
    assert answer["connections"] == str(len(listed)), answer
    assert answer["bytes"] == str(os.path.getsize(path)), answer
    assert not os.path.exists(path + ".tmp")
    outcomes = dict(row.split() for row in CTL(["import", path], None, None).stdout.splitlines()[1:])
    assert outcomes == {"imported": "0", "exists": str(len(listed))}, outcomes
    deleted = json.loads(run("delete", "-p", "tcp", "-o", "json"))
    tcp = [c for c in listed if c["protocol"] == "PROTOCOL_TCP"]
    assert deleted == {"matchedConnections": str(len(tcp))}, deleted
    assert connections("-p", "tcp") == []
    closed = json.loads(run("closed", "-p", "tcp", "-o", "json"))
    requested = [e["event"] for e in closed if e["event"]["cause"] == "EVENT_CAUSE_REQUEST"]
    assert {e["connection"]["id"] for e in requested} == {c["id"] for c in tcp}, closed
    assert len(run("closed", "-p", "tcp", "--limit", "1", "-o", "jsonl").splitlines()) == 1
    complaint = run("import", path, code=1)
    assert f"{len(listed) - len(tcp)} connections were not imported, {len(tcp)} were" in complaint
    assert json.loads(run("flush", "-o", "json")) == {"matchedConnections": str(len(listed))}
    assert connections() == []
    answer = json.loads(run("import", path, "-o", "json"))
    assert answer["importedConnections"] == str(len(listed)), answer

    def essence(connection):
        # A new connection has a new id, and what it lives on from begins now.
        return {key: value for key, value in connection.items()
                if key not in ("id", "slot", "expireTime", "lastSeenTime", "timeout")}
    order = lambda c: json.dumps(c["original"], sort_keys=True)
    assert [essence(c) for c in sorted(connections(), key=order)] == [
        essence(c) for c in sorted(listed, key=order)]
    check_damage(path, directory)


def check_damage(path, directory):
    whole = open(path, "rb").read()
    broken = os.path.join(directory, "broken.ctx")
    open(broken, "wb").write(whole[:len(whole) // 2])
    assert f"{broken}: byte " in run("import", broken, code=1)
    assert f"{broken}: byte " in run("list", "--input-file", broken, code=1)
    open(broken, "wb").write(b"{}\n")
    assert "is not an export of conntrackctl" in run("import", broken, code=2)
    assert "cannot read" in run("import", broken + "x", code=2)
    assert "cannot write" in run("export", "--output-file", "/nonexistent/x", code=1)
    assert "format of its own" in run("export", "-o", "json", code=2)


def check_follow(programs):
    """list --follow and watch end at once with their reader, and go on over a restart."""
    follow = programs.start([programs.ctl_path, "--server", programs.listen, "list", "--follow",
                             "-p", "udp", "-o", "jsonl"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    udp = len(connections("-p", "udp"))
    lines = [json.loads(follow.stdout.readline()) for _ in range(udp + 1)]
    assert ["connection" in line for line in lines] == [True] * udp + [False], lines
    assert lines[-1]["snapshotEnd"]["connections"] == str(udp)
    run("update", "-p", "udp", "--mark", "99")
    events = []
    while len(events) < udp:
        line = json.loads(follow.stdout.readline())
        if "event" in line:
            events.append(line["event"])
    assert all(e["changes"] == ["EVENT_CHANGE_MARK"] for e in events), events
    follow.stdout.close()
    assert follow.wait(timeout=30) == 0
    head = subprocess.run(f"'{programs.ctl_path}' --server {programs.listen} watch --snapshot | "
                          "head -1", shell=True, text=True, capture_output=True, timeout=30)
    assert head.stdout.startswith("TIME") and head.stderr == "", head


def check_restart(programs, server):
    """A watch says that a restart lost changes, in a row too, and goes on."""
    watch = programs.start([programs.ctl_path, "--server", programs.listen, "watch", "--print-token",
                            "-o", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert "bookmark" in json.loads(watch.stdout.readline())
    programs.drain(server)
    assert "trying again" in watch.stderr.readline()
    programs.start_server()
    keys = []
    while "reset" not in keys:
        keys += json.loads(watch.stdout.readline())
    assert "connected again" in (first := watch.stderr.readline()) or "begins anew" in first
    watch.terminate()
    assert watch.wait(timeout=30) == 0
    rest = watch.stderr.read()
    assert "--since-token " in rest, rest


def main():
    global CTL
    build, capture = sys.argv[1:]
    with Programs(build) as programs, tempfile.TemporaryDirectory() as directory:
        def ctl(arguments, environment, stdin, stdout=subprocess.PIPE):
            return subprocess.run(
                [programs.ctl_path, "--server", programs.listen, *arguments], text=True, input=stdin,
                stdout=stdout, stderr=subprocess.PIPE, timeout=60,
                env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environment or {})})
        CTL = ctl
        server = programs.start_server()
        code, summary = programs.sensor("--read", capture, "--zone", "1", "--sensor-id", "tour")
        assert code == 0, summary
        wait_until(lambda: len(connections()) > 5, "the capture is tracked")
        check_lookup()
        check_explain()
        check_formats(directory)
        check_colours()
        check_configuration(programs, directory)
        check_update()
        check_follow(programs)
        check_export_and_import(directory)
        check_restart(programs, server)
    print("every verb did what it says")


main()
