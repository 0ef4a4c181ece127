"""Packets of every protocol that conntrack(8) knows, with right checksums."""

import socket
import struct

TCP_FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10}
WINDOW = 64000


def _sum16(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _crc32c(data):
    """RFC 9260, appendix A."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


class Flow:
    """Packets between two addresses of one family, with one protocol."""

    def __init__(self, client, server, protocol):
        self.ends = (client, server)
        self.protocol = protocol
        self.ipv6 = ":" in client

    def packed(self, reply):
        family = socket.AF_INET6 if self.ipv6 else socket.AF_INET
        ends = [socket.inet_pton(family, end) for end in self.ends]
        return ends[::-1] if reply else ends

    def checksum(self, payload, reply, covered=None):
        """Of the transport, over its pseudo-header."""
        source, destination = self.packed(reply)
        if self.ipv6:
            pseudo = source + destination + struct.pack("!IxxxB", len(payload), self.protocol)
        else:
            pseudo = source + destination + struct.pack("!xBH", self.protocol, len(payload))
        return _sum16(pseudo + payload[:covered])

    def packet(self, payload, reply=False):
        source, destination = self.packed(reply)
        if self.ipv6:
            header = struct.pack("!IHBB", 6 << 28, len(payload), self.protocol, 64)
            return header + source + destination + payload
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, self.protocol,
                             0) + source + destination
        return header[:10] + struct.pack("!H", _sum16(header)) + header[12:] + payload


class Tcp(Flow):
    """Counts sequence numbers: each packet acknowledges all that was sent to it."""

    def __init__(self, client, server, sport, dport):
        super().__init__(client, server, socket.IPPROTO_TCP)
        self.ports = (sport, dport)
        self.next = [1000, 5000]

    def send(self, flags, reply=False, data=b""):
        side = int(reply)
        ports = self.ports[::-1] if reply else self.ports
        bits = sum(TCP_FLAGS[flag] for flag in flags)
        acknowledged = self.next[1 - side] if "A" in flags else 0
        segment = struct.pack("!HHIIBBHHH", *ports, self.next[side], acknowledged, 5 << 4, bits,
                              WINDOW, 0, 0) + data
        self.next[side] += len(data) + ("S" in flags) + ("F" in flags)
        checksum = struct.pack("!H", self.checksum(segment, reply))
        return self.packet(segment[:16] + checksum + segment[18:], reply)

    def handshake(self):
        return [self.send("S"), self.send("SA", True), self.send("A")]


class Udp(Flow):
    """UDP, and UDP-Lite, whose length field is its checksum's coverage: all of it."""

    def __init__(self, client, server, sport, dport, lite=False):
        super().__init__(client, server, 136 if lite else socket.IPPROTO_UDP)
        self.ports = (sport, dport)

    def send(self, reply=False, data=b"question"):
        ports = self.ports[::-1] if reply else self.ports
        datagram = struct.pack("!HHHH", *ports, 8 + len(data), 0) + data
        checksum = struct.pack("!H", self.checksum(datagram, reply))
        return self.packet(datagram[:6] + checksum + datagram[8:], reply)


class Echo(Flow):
    """The questions and answers of ping."""

    def __init__(self, client, server, number):
        super().__init__(client, server, 58 if ":" in client else socket.IPPROTO_ICMP)
        self.number = number

    def send(self, reply=False):
        kind = (129 if reply else 128) if self.ipv6 else (0 if reply else 8)
        message = struct.pack("!BBHHH", kind, 0, 0, self.number, 1) + b"echo"
        value = self.checksum(message, reply) if self.ipv6 else _sum16(message)
        return self.packet(message[:2] + struct.pack("!H", value) + message[4:], reply)


class Sctp(Flow):
    INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK = 1, 2, 10, 11
    TAGS = (0x11111111, 0x22222222)  # Of packets to the client, and to the server.

    def __init__(self, client, server, sport, dport):
        super().__init__(client, server, socket.IPPROTO_SCTP)
        self.ports = (sport, dport)

    def send(self, chunk, reply=False):
        ports = self.ports[::-1] if reply else self.ports
        tag = 0 if chunk == self.INIT else self.TAGS[0 if reply else 1]
        body = b""
        if chunk in (self.INIT, self.INIT_ACK):
            body = struct.pack("!IIHHI", self.TAGS[1 if reply else 0], WINDOW, 1, 1, 1)
        elif chunk == self.COOKIE_ECHO:
            body = b"cook"
        chunks = struct.pack("!BBH", chunk, 0, 4 + len(body)) + body
        header = struct.pack("!HHII", *ports, tag, 0)
        crc = struct.pack("<I", _crc32c(header + chunks))
        return self.packet(header[:8] + crc + chunks, reply)

    def handshake(self):
        return [self.send(self.INIT), self.send(self.INIT_ACK, True), self.send(self.COOKIE_ECHO),
                self.send(self.COOKIE_ACK, True)]
