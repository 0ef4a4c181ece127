"""One capture replayed into two zones gives the same connections and the same
events per connection, but for ids, slots and sequences.

usage: two_zones_test.py BUILD_DIR CAPTURE [CAPTURE ...]
"""

import json
import sys

from chain import Programs


def essence(connection):
    """A connection without what differs between two zones."""
    kept = {key: value for key, value in connection.items()
            if key not in ("id", "slot", "zone", "sensorId", "timeout")}
    return json.dumps(kept, sort_keys=True)


def tuple_of(connection):
    return json.dumps([connection.get("protocol"), connection["original"], connection["createTime"]],
                      sort_keys=True)


def stories(events, zone):
    """What happened to each connection of a zone, in order, as a sorted list."""
    story = {}
    for line in events:
        event = line.get("event")
        if event is None or event["connection"].get("zone", 0) != zone:
            continue
        step = [event["type"], event["cause"], event.get("changes"), event["time"],
                event.get("tcpFlags"), essence(event["connection"])]
        story.setdefault((event["connection"]["id"], tuple_of(event["connection"])), []).append(step)
    return sorted(json.dumps([key[1], steps]) for key, steps in story.items())


def check(programs, capture):
    server = programs.start_server()
    watch = programs.start_watch()
    for zone in (1, 2):
        code, summary = programs.sensor("--read", capture, "--zone", str(zone),
                                        "--sensor-id", f"replay-{zone}")
        assert code == 0, f"exit code {code}: {summary}"
    listed = [sorted(essence(c) for c in programs.ctl_lines("list", "--zone", str(zone)))
              for zone in (1, 2)]
    assert listed[0] == listed[1], f"the zones list different connections\n{listed[0]}\n{listed[1]}"
    # Drain delivers every event before it ends the watch.
    programs.drain(server)
    events = programs.end_watch(watch)
    first, second = stories(events, 1), stories(events, 2)
    different = [f"zone 1: {one}\nzone 2: {two}" for one, two in zip(first, second) if one != two]
    assert first == second, "the zones tell different stories\n" + "\n".join(different)
    print(f"{capture}: {len(listed[0])} connections, {len(first)} stories, equal")
    return len(first)


def main():
    build, *captures = sys.argv[1:]
    told = 0
    for capture in captures:
        with Programs(build) as programs:
            told += check(programs, capture)
    assert told > 0, "nothing was compared"


main()
