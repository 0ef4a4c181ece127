"""What is sent: a connection of each protocol and of most states, in both families
and in two zones. Ports and ids are all different."""

import packets

CLIENT, SERVER = "10.92.1.2", "10.92.2.2"
CLIENT6, SERVER6 = "fd92:1::2", "fd92:2::2"
ZONED_CLIENT, ZONED_SERVER = "10.92.3.2", "10.92.4.2"


def _tcp(sport, dport=80, client=CLIENT, server=SERVER):
    return packets.Tcp(client, server, sport, dport)


def _both(flow):
    return [flow.send(), flow.send(True)]


def _tcp_states():
    """One TCP connection in each state, by how far it comes."""
    yield _tcp(1001).send("S")
    received = _tcp(1002)
    yield from (received.send("S"), received.send("SA", True))
    established = _tcp(1003, 22)
    yield from established.handshake()
    yield established.send("PA", data=b"hello")
    yield established.send("PA", True, b"welcome")
    for sport, steps in ((1004, (("FA", False),)),
                         (1005, (("FA", False), ("A", True))),
                         (1006, (("FA", False), ("A", True), ("FA", True))),
                         (1007, (("FA", False), ("FA", True), ("A", False))),
                         (1008, (("RA", True),))):
        flow = _tcp(sport, 443)
        yield from flow.handshake()
        for flags, reply in steps:
            yield flow.send(flags, reply)
    ipv6 = _tcp(1009, 443, CLIENT6, SERVER6)
    yield from ipv6.handshake()


def _datagrams():
    yield packets.Udp(CLIENT, SERVER, 2001, 53).send()
    yield from _both(packets.Udp(CLIENT, SERVER, 2002, 53))
    yield from _both(packets.Udp(CLIENT6, SERVER6, 2003, 53))
    yield packets.Udp(CLIENT, SERVER, 2004, 99, lite=True).send()
    yield from _both(packets.Udp(CLIENT6, SERVER6, 2005, 99, lite=True))
    # The other way: XML does not tell ids of ICMP apart.
    yield packets.Echo(SERVER, CLIENT, 78).send()
    yield from _both(packets.Echo(CLIENT, SERVER, 77))
    yield from _both(packets.Echo(CLIENT6, SERVER6, 79))


def _others():
    yield from packets.Sctp(CLIENT, SERVER, 3001, 3868).handshake()
    yield from packets.Sctp(CLIENT6, SERVER6, 3002, 3868).handshake()
    gre = packets.Flow(CLIENT, SERVER, 47)
    yield gre.packet(bytes.fromhex("00000800") + b"inner")
    yield gre.packet(bytes.fromhex("00000800") + b"inner", True)
    yield packets.Flow(CLIENT6, SERVER6, 47).packet(bytes.fromhex("00000800") + b"inner")
    # The kernel tracks DCCP by addresses, like every protocol without rules of its own.
    for protocol in (33, 50, 89):
        yield packets.Flow(CLIENT, SERVER, protocol).packet(b"\0" * 16)
    yield packets.Flow(CLIENT6, SERVER6, 253).packet(b"\0" * 16)


def send_all(network):
    for packet in (*_tcp_states(), *_datagrams(), *_others()):
        # The third byte of 10.92.1.2, the fourth of fd92:1::2: the sender's side.
        side = packet[11] if packet[0] >> 4 == 6 else packet[14]
        network.send(packet, f"w{side}")
    for flow in (packets.Udp(ZONED_CLIENT, ZONED_SERVER, 2002, 53),
                 packets.Echo(ZONED_CLIENT, ZONED_SERVER, 77)):
        network.send(flow.send(), "v1")
        network.send(flow.send(True), "v2")


def send_some(network):
    """For what is told of times: two connections, which end by a request."""
    tcp = _tcp(4001)
    for packet, wire in zip(tcp.handshake(), ("w1", "w2", "w1")):
        network.send(packet, wire)
    network.send(packets.Udp(CLIENT6, SERVER6, 4002, 53).send(), "w1")
