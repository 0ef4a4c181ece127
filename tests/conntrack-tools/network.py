"""A router between wires: this process's own network namespace, whose conntrack is
asked, and one without a name at the other ends of its interfaces, out of which
packets are sent.

The router has no addresses: whatever is tracked was sent here.
"""

import ctypes
import os
import shutil
import socket
import subprocess

# Zone 7 has interfaces of its own.
PAIRS = (("r1", "w1", 1), ("r2", "w2", 2), ("z1", "v1", 3), ("z2", "v2", 4))
ZONE = 7
RULES = f"""
table inet t {{
  chain pre {{
    type filter hook prerouting priority raw;
    iifname lo notrack
    iifname {{ z1, z2 }} ct zone set {ZONE}
  }}
  chain out {{ type filter hook output priority raw; oifname lo notrack; }}
  # With a rule about labels, connections have room for labels.
  chain forward {{ type filter hook forward priority 0; ct label 100 counter; ct state new accept; }}
}}
"""
_NEWNS, _NEWNET = 0x00020000, 0x40000000


class CannotHave(Exception):
    """Why this machine cannot run the test."""


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options)


def _libc(name, *arguments):
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        raise CannotHave(f"{name}: {os.strerror(ctypes.get_errno())}")


def mac(number, wire):
    return f"02:00:00:00:0{number}:0{int(wire)}"


def name_labels(folder, labels):
    """Writes connlabel.conf, into a copy of /etc that this process alone sees."""
    copy = os.path.join(folder, "etc")
    shutil.copytree("/etc", copy, symlinks=True, ignore_dangling_symlinks=True)
    os.makedirs(os.path.join(copy, "xtables"), exist_ok=True)
    with open(os.path.join(copy, "xtables", "connlabel.conf"), "w") as out:
        out.writelines(f"{number}\t{name}\n" for name, number in labels.items())
    run("mount", "--make-rprivate", "/")
    run("mount", "--bind", copy, "/etc")


class Network:
    def __init__(self):
        """Moves this process into namespaces of its own."""
        _libc("unshare", _NEWNET | _NEWNS)
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        _libc("unshare", _NEWNET)
        wires = os.open("/proc/self/ns/net", os.O_RDONLY)
        _libc("setns", own, _NEWNET)
        run("ip", "link", "set", "lo", "up")
        for inner, outer, number in PAIRS:
            run("ip", "link", "add", inner, "address", mac(number, False),
                "type", "veth", "peer", "name", outer, "netns", f"/proc/self/fd/{wires}",
                "address", mac(number, True), pass_fds=(wires,))
            run("ip", "link", "set", inner, "addrgenmode", "none")
            run("ip", "link", "set", inner, "up")
        self.sockets = {}
        _libc("setns", wires, _NEWNET)
        for _, outer, _ in PAIRS:
            run("ip", "link", "set", outer, "addrgenmode", "none")
            run("ip", "link", "set", outer, "up")
            self.sockets[outer] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sockets[outer].bind((outer, 0))
        _libc("setns", own, _NEWNET)
        self._route()

    @staticmethod
    def _route():
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.conf.all.rp_filter=0", "net.netfilter.nf_conntrack_acct=1",
            "net.netfilter.nf_conntrack_events=1",
            # Linux takes the checksum of UDP-Lite for one of UDP.
            "net.netfilter.nf_conntrack_checksum=0")
        for inner, _, number in PAIRS:
            run("sysctl", "-qw", f"net.ipv4.conf.{inner}.rp_filter=0")
            for address in (f"10.92.{number}.2", f"fd92:{number}::2"):
                family = "-6" if ":" in address else "-4"
                run("ip", family, "route", "add", address, "dev", inner)
                run("ip", family, "neigh", "add", address, "lladdr", mac(number, True), "dev",
                    inner, "nud", "permanent")
        run("nft", RULES)

    def send(self, packet, outer):
        """Sends an IP packet into the router by the wire `outer`."""
        number = next(number for _, wire, number in PAIRS if wire == outer)
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        addresses = bytes.fromhex((mac(number, False) + mac(number, True)).replace(":", ""))
        self.sockets[outer].send(addresses + kind + packet)
