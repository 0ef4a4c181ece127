#!/usr/bin/env python3
"""Compares what the sensor sends for captures with what tshark sees in them.

Every packet of the one must be a packet of the other, with the same addresses,
ports, lengths and TCP numbers, and every conversation must have as many packets
as `tshark -z conv` counts. Differences that have a reason are listed with it;
a difference without one is a failure.

Reasons:
  discarded     the sensor discards the frame, for the reason it counts
  fragments     a datagram of fragments that is not complete or not sound
  tunnelled     tshark looks into tunnels; the sensor tracks the outer packet
  cut           the capture ends inside the TCP options, and tshark does not count
                the packet in its conversation
"""

import argparse
import collections
import dataclasses
import ipaddress
import pathlib
import subprocess
import sys

TRANSPORTS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
FIELDS = ("frame.number frame.protocols ip.src ip.dst ip.len ipv6.src ipv6.dst ipv6.plen "
          "tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.flags tcp.window_size_value "
          "udp.srcport udp.dstport ip.reassembled.length ipv6.reassembled.length _ws.short").split()


@dataclasses.dataclass
class Sensor:
    """What print_rows says about a capture."""
    rows: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    frames: dict = dataclasses.field(default_factory=dict)  # Number -> reason or "fragment".
    ledger: dict = dataclasses.field(default_factory=dict)
    discarded: dict = dataclasses.field(default_factory=dict)


def read_sensor(program, capture):
    run = subprocess.run([program, capture], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip())
    sensor = Sensor()
    for line in run.stdout.splitlines():
        cells = line.split("\t")
        if cells[0] == "#frame":
            sensor.frames[int(cells[1])] = cells[2]
        elif cells[0] == "#discarded":
            sensor.discarded[cells[1]] = int(cells[2])
        elif cells[0].startswith("#"):
            sensor.ledger[cells[0][1:]] = cells[1]
        else:
            protocol, source, destination = int(cells[2]), cells[3], cells[4]
            ports = (int(cells[5]), int(cells[6])) if protocol in (6, 17) else (0, 0)
            numbers = tuple(map(int, cells[8:12])) if protocol == 6 else ()
            sensor.rows[(protocol, source, destination, *ports, int(cells[7]), numbers)] += 1
    return sensor


def tshark_rows(tshark, capture):
    command = [tshark, "-n", "-r", capture, "-T", "fields", "-E", "occurrence=a"]
    for field in FIELDS:
        command += ["-e", field]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in run.stdout.splitlines():
        yield dict(zip(FIELDS, line.split("\t")))


def outer_transport(protocols):
    """The protocol above the outermost IP header, and the transports inside that one."""
    tokens = protocols.split(":")
    start = next((i for i, token in enumerate(tokens) if token in ("ip", "ipv6")), None)
    if start is None:
        return None, []
    above = [t for t in tokens[start + 1:] if not t.startswith("ipv6.") and t != "ah"]
    inner = [t for t in above[1:] if t in ("tcp", "udp")]
    return (above[0] if above else ""), inner


def number(text):
    return int(text, 0) if text else 0


def packet_of(fields):
    """The row of the outermost packet as the sensor would have it; None without IP."""
    transport, _ = outer_transport(fields["frame.protocols"])
    if transport is None:
        return None
    first = {name: value.split(",")[0] for name, value in fields.items()}
    tokens = fields["frame.protocols"].split(":")
    is_ipv6 = next(t for t in tokens if t in ("ip", "ipv6")) == "ipv6"
    family = "ipv6" if is_ipv6 else "ip"
    if not first[family + ".src"]:
        return None
    length = number(first["ipv6.plen"]) + 40 if is_ipv6 else number(first["ip.len"])
    whole = first[family + ".reassembled.length"]
    if whole:
        length = int(whole) + (40 if is_ipv6 else 20)
    protocol = TRANSPORTS.get(transport)
    ports, numbers = (0, 0), ()
    if protocol in (6, 17) and first[transport + ".srcport"]:
        ports = (int(first[transport + ".srcport"]), int(first[transport + ".dstport"]))
    if protocol == 6:
        numbers = (number(first["tcp.flags"]) & 0xff, number(first["tcp.seq_raw"]),
                   number(first["tcp.ack_raw"]), number(first["tcp.window_size_value"]))
    return (protocol, str(ipaddress.ip_address(first[family + ".src"])),
            str(ipaddress.ip_address(first[family + ".dst"])), *ports, length, numbers)


def conversation(row):
    return row[0], *sorted([(row[1], row[3]), (row[2], row[4])])


def inner_conversations(fields):
    """The TCP and UDP conversations below the outermost transport: protocol,
    ports, and the addresses that may be theirs."""
    transport, inner = outer_transport(fields["frame.protocols"])
    # tshark does not count the packet that an ICMP error quotes either.
    if not inner or transport in ("icmp", "icmpv6"):
        return []
    pairs = [frozenset(map(ipaddress.ip_address, pair)) for family in ("ip", "ipv6")
             for pair in zip(*(filter(None, fields[f"{family}.{end}"].split(","))
                               for end in ("src", "dst")))]
    found = []
    for kind in ("tcp", "udp"):
        sources = [p for p in fields[kind + ".srcport"].split(",") if p]
        destinations = [p for p in fields[kind + ".dstport"].split(",") if p]
        skip = 1 if transport == kind else 0
        found += [(TRANSPORTS[kind], frozenset((int(s), int(d))), pairs)
                  for s, d in list(zip(sources, destinations))[skip:]]
    return found


def is_inner(key, protocol, ports, pairs):
    addresses = frozenset(ipaddress.ip_address(end[0]) for end in key[1:])
    return key[0] == protocol and frozenset(end[1] for end in key[1:]) == ports and \
        addresses in pairs


def tshark_conversations(tshark, capture):
    """Packets of each TCP and UDP conversation, by `tshark -z conv`."""
    counts = collections.Counter()
    for kind in ("tcp", "udp"):
        run = subprocess.run([tshark, "-n", "-q", "-r", capture, "-z", f"conv,{kind}"],
                             capture_output=True, text=True, check=False)
        for line in run.stdout.splitlines():
            cells = line.split()
            if len(cells) < 4 or cells[1] != "<->":
                continue
            ends = [end.rsplit(":", 1) for end in (cells[0], cells[2])]
            # Frames one way, bytes and their unit, frames the other way, ...
            left, right = int(cells[3]), int(cells[6])
            key = TRANSPORTS[kind], *sorted((str(ipaddress.ip_address(a)), int(p)) for a, p in ends)
            counts[key] += left + right
    return counts


def compare(sensor, rows, conversations):
    """Findings without a reason, and how often each reason was needed."""
    reasons = collections.Counter()
    findings = []
    expected = collections.Counter()
    unexplained = collections.Counter(conversations)
    for fields in rows:
        frame = int(fields["frame.number"])
        fate = sensor.frames.get(frame)
        row = packet_of(fields)
        inner = inner_conversations(fields)
        for protocol, ports, pairs in inner:
            match = next((key for key in unexplained if unexplained[key] > 0 and
                          is_inner(key, protocol, ports, pairs)), None)
            if match is not None:
                unexplained[match] -= 1
                reasons["tunnelled"] += 1
        if row is None:
            if fate is None:
                findings.append(f"frame {frame}: decoded, but tshark sees no IP in it")
            continue
        is_conversation = row[0] in (6, 17) and conversations[conversation(row)] > 0
        if fate not in (None, "fragment"):
            reasons[f"discarded {fate}"] += 1
            if is_conversation:
                unexplained[conversation(row)] -= 1
            continue
        matches = [r for r in sensor.rows if r[1:] == row[1:] and row[0] in (None, r[0])]
        if fate == "fragment" and (not matches or expected[matches[0]] >= sensor.rows[matches[0]]):
            reasons["fragments"] += 1
            if is_conversation:
                unexplained[conversation(row)] -= 1
            continue
        if not matches:
            findings.append(f"frame {frame}: tshark has {row}, the sensor does not")
            continue
        expected[matches[0]] += 1
        if fields["_ws.short"] and is_conversation and row[0] == 6:
            reasons["cut"] += 1
        elif is_conversation:
            unexplained[conversation(row)] -= 1
    for row, count in (sensor.rows - expected).items():
        findings.append(f"the sensor has {row} {count} times more than tshark")
    for row, count in (expected - sensor.rows).items():
        findings.append(f"tshark has {row} {count} times more than the sensor")
    for key, count in unexplained.items():
        if count != 0:
            findings.append(f"conversation {key}: {count} packets more in tshark -z conv")
    return findings, reasons


def compare_file(arguments, capture):
    sensor = read_sensor(arguments.rows, capture)
    rows = list(tshark_rows(arguments.tshark, capture))
    conversations = tshark_conversations(arguments.tshark, capture)
    findings, reasons = compare(sensor, rows, conversations)
    if int(sensor.ledger["read"]) != len(rows):
        findings.append(f"the sensor read {sensor.ledger['read']} frames, tshark {len(rows)}")
    ours = collections.Counter()
    for row, count in sensor.rows.items():
        if row[0] in (6, 17):
            ours[conversation(row)] += count
    size = sum(row[5] * count for row, count in sensor.rows.items())
    cells = [pathlib.Path(capture).name, len(rows), sensor.ledger["decoded"], size]
    for protocol in (6, 17):
        mine = [c for c in ours if c[0] == protocol]
        theirs = [c for c in conversations if c[0] == protocol and conversations[c] > 0]
        cells.append(f"{len(mine)}/{len(theirs)}")
        cells.append(f"{sum(ours[c] for c in mine)}/{sum(conversations[c] for c in theirs)}")
    cells.append(", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "-")
    print("| " + " | ".join(map(str, cells)) + " |")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rows", required=True, help="the conntrack-sensor-rows program")
    parser.add_argument("--tshark", default="tshark")
    parser.add_argument("captures", nargs="+", help="files, or directories of them")
    arguments = parser.parse_args()
    captures = []
    for name in arguments.captures:
        path = pathlib.Path(name)
        captures += sorted(p for p in path.glob("*.pcap*")) if path.is_dir() else [path]
    if not captures:
        sys.exit(f"no capture in {', '.join(arguments.captures)}")
    print("| file | frames | packets | IP bytes | TCP conversations (sensor/tshark) | TCP packets "
          "| UDP conversations | UDP packets | reasons of differences |")
    print("|---" * 9 + "|")
    findings = []
    for capture in captures:
        findings += [f"{capture}: {finding}" for finding in compare_file(arguments, str(capture))]
    for finding in findings:
        print(finding, file=sys.stderr)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
