#!/usr/bin/env python3
"""Makes traffic that is worth looking at, between two containers.

    traffic serve                     HTTP on 8080, UDP echo on 5300
    traffic talk HOST [options]       requests, long connections, refused ones

For alarms to go off: --flood sends SYNs from addresses of the own network that
nobody has, so that no handshake ends; --broken sends segments with SYN and FIN.
Both need CAP_NET_RAW; --count ends the program after so many of them.
"""

import argparse
import asyncio
import ipaddress
import itertools
import random
import signal
import socket
import struct
import sys
import time

HTTP_PORT = 8080
UDP_PORT = 5300
CLOSED_PORT = 9


async def answer_http(reader, writer):
    try:
        while request := await reader.readline():
            size = int(request.decode(errors="replace").partition("/")[2].partition(" ")[0] or 0)
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
            await writer.drain()
    except (ConnectionError, ValueError):
        pass
    finally:
        writer.close()


class UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def serve():
    server = await asyncio.start_server(answer_http, "0.0.0.0", HTTP_PORT)
    await asyncio.get_running_loop().create_datagram_endpoint(UdpEcho, ("0.0.0.0", UDP_PORT))
    await server.serve_forever()


async def fetch(host, requests, pause):
    reader, writer = await asyncio.open_connection(host, HTTP_PORT)
    for _ in range(requests):
        writer.write(b"GET /%d HTTP/1.1\r\nHost: traffic\r\n\r\n" % random.choice((100, 2000, 50000)))
        while line := (await reader.readline()).strip():
            if line.startswith(b"Content-Length: "):
                size = int(line.split()[1])
        await reader.readexactly(size)
        await asyncio.sleep(pause)
    writer.close()
    await writer.wait_closed()


async def ask_udp(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((host, UDP_PORT))
        loop = asyncio.get_running_loop()
        for _ in range(random.randint(1, 4)):
            sock.send(b"question")
            await asyncio.wait_for(loop.sock_recv(sock, 100), 1)


async def be_refused(host):
    await asyncio.open_connection(host, CLOSED_PORT)


async def one_of_many(host):
    try:
        await random.choices(
            (lambda: fetch(host, 1, 0), lambda: fetch(host, 60, 1), lambda: ask_udp(host),
             lambda: be_refused(host)), weights=(60, 2, 30, 8))[0]()
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        pass


async def address_of(host):
    """Asks until it is told: this may start before what it talks to."""
    while True:
        try:
            return (await asyncio.get_running_loop().getaddrinfo(host, HTTP_PORT, family=socket.AF_INET))[0][4][0]
        except socket.gaierror:
            await asyncio.sleep(1)


async def talk(host, rate):
    running = set()
    for number in itertools.count():
        # Now and then, not each time: the engine's server of names has more to do.
        if number % 200 == 0:
            address = await address_of(host)
        task = asyncio.create_task(one_of_many(address))
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.sleep(random.expovariate(rate))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source, destination, flags):
    """An IPv4 packet with a TCP header and nothing else."""
    ports = struct.pack("!HH", random.randint(1024, 65535), HTTP_PORT)
    rest = struct.pack("!IIBB", random.getrandbits(32), 0, 5 << 4, flags), struct.pack("!H", 64000)
    pseudo = source + destination + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
    blank = ports + rest[0] + rest[1] + b"\0\0\0\0"
    tcp = blank[:16] + struct.pack("!H", checksum(pseudo + blank)) + b"\0\0"
    # The kernel fills in the header's checksum and length.
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0) + source + destination + tcp


def send_raw(host, flood, broken, count):
    destination = socket.inet_aton(socket.gethostbyname(host))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 1))
        own = probe.getsockname()[0]
    # Nobody has the last addresses of the network, so nobody answers for them.
    network = ipaddress.ip_network(own + "/24", strict=False)
    strangers = [network[n].packed for n in range(230, 250)]
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    rate = flood + broken
    began = time.monotonic()
    sent = 0
    while not count or sent < count:
        if random.random() * rate < flood:
            packet = segment(random.choice(strangers), destination, 0x02)
        else:
            packet = segment(socket.inet_aton(own), destination, 0x03)
        raw.sendto(packet, (socket.inet_ntoa(destination), 0))
        sent += 1
        ahead = began + sent / rate - time.monotonic()
        if ahead > 0.005:
            time.sleep(ahead)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve")
    verb = verbs.add_parser("talk")
    verb.add_argument("host")
    verb.add_argument("--rate", type=float, default=20, help="conversations begun a second")
    verb.add_argument("--flood", type=float, default=0, help="SYNs without end a second")
    verb.add_argument("--broken", type=float, default=0, help="segments with SYN and FIN a second")
    verb.add_argument("--count", type=int, default=0, help="of these two together; 0: no end")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if options.verb == "serve":
        asyncio.run(serve())
    elif options.flood or options.broken:
        send_raw(options.host, options.flood, options.broken, options.count)
    else:
        asyncio.run(talk(options.host, options.rate))


if __name__ == "__main__":
    main()
