"""Clients of every kind, as bytes on gRPC, and how their calls end."""

import threading

import grpc


def raw(value):
    return value


def field(number, value):
    """A field of a message, of a length below 128."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


# IngestRequest.hello: sensor_id, session_id, first_sequence.
HELLO = field(1, field(1, b"raw") + field(2, b"session-1") + field(5, 1))


class Calls:
    """Streams that stay open, and unary calls one after the other, until the server ends them."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(f"{address}:50051")
        grpc.channel_ready_future(self.channel).result(timeout=10)
        self.codes = {}
        self.begun = threading.Barrier(5)
        self.threads = [threading.Thread(target=target, args=(name,), daemon=True) for name, target in (
            ("Watch", self.watch), ("Ingest", self.ingest), ("CountConnections", self.count),
            ("health Watch", self.watch_health))]
        for thread in self.threads:
            thread.start()
        self.begun.wait(timeout=10)

    def end(self):
        """The code each kind of call ended with."""
        for thread in self.threads:
            thread.join(timeout=30)
        return self.codes

    def drain(self, name, stream):
        try:
            for _ in stream:
                pass
            self.codes[name] = "OK"
        except grpc.RpcError as error:
            self.codes[name] = error.code().name

    def stream(self, name, path, request):
        stream = self.channel.unary_stream(path, raw, raw)(request)
        stream.initial_metadata()
        self.begun.wait()
        self.drain(name, stream)

    def watch(self, name):
        # Its first answer is at once: a bookmark.
        self.stream(name, "/conntrack.v1.WatchService/Watch", b"")

    def watch_health(self, name):
        self.stream(name, "/grpc.health.v1.Health/Watch", b"")

    def ingest(self, name):
        over = threading.Event()

        def requests():
            yield HELLO
            over.wait()

        stream = self.channel.stream_stream("/conntrack.v1.IngestService/Ingest", raw, raw)(requests())
        # The welcome.
        next(stream)
        self.begun.wait()
        # A client that is told of the drain and does not end: the server must.
        self.drain(name, stream)
        over.set()

    def count(self, name):
        call = self.channel.unary_unary("/conntrack.v1.ConnectionService/CountConnections", raw, raw)
        call(b"", timeout=10)
        self.begun.wait()
        try:
            while True:
                call(b"", timeout=10)
        except grpc.RpcError as error:
            # All before it were OK.
            self.codes[name] = error.code().name
