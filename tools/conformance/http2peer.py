# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/2 that sends what it is told, right or wrong, frame by frame."""

import socket
import ssl
import struct
import time

import hpack

from support import Failed

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
PRIORITY_UPDATE = 16
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITISED = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT = 0, 1, 2, 3, 4
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 11
WAIT_SECONDS = 10


class Ended(Failed):
    """The connection ended; `code` is that of the GOAWAY before, None where there was none."""

    def __init__(self, code):
        super().__init__(f"the connection ended, GOAWAY {code}")
        self.code = code


class Response:
    """What came on one stream."""

    def __init__(self):
        self.heads, self.data, self.reset, self.ended = [], b"", None, False

    @property
    def status(self):
        return int(dict(self.heads[0])[":status"]) if self.heads else None

    def field(self, name):
        return dict(self.heads[0]).get(name) if self.heads else None


class Peer:
    """One connection. Streams are numbered by `request`, frames made by `frame`; nothing is checked on the way."""

    def __init__(self, host, port, tls=None, settings=(), preface=True):
        self.authority = f"{host}:{port}"
        self.socket = socket.create_connection((host, port), timeout=WAIT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.scheme = "https" if tls else "http"
        if tls:
            context = ssl.create_default_context(cafile=tls) if isinstance(tls, str) else ssl._create_unverified_context()
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
            if self.socket.selected_alpn_protocol() != "h2":
                raise Failed("the server did not choose h2")
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.received, self.streams, self.settings, self.frames = b"", {}, {}, []
        self.goaway, self.pings, self.next, self.windows = None, [], 1, {}
        self.answers_settings = True
        if preface:
            self.send(PREFACE + self.frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in settings)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # ---- sending ----

    @staticmethod
    def frame(kind, flags, stream, payload=b"", length=None):
        length = len(payload) if length is None else length
        return struct.pack(">IBBI", length, kind, flags, stream)[1:] + payload

    def send(self, data):
        """Sends bytes; an end of the connection is left to be found by reading."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def put(self, kind, flags, stream, payload=b""):
        self.send(self.frame(kind, flags, stream, payload))

    def fields(self, path="/plaintext", method="GET", extra=()):
        return [(":method", method), (":scheme", self.scheme), (":authority", self.authority), (":path", path), *extra]

    def block(self, fields):
        return self.encoder.encode([hpack.NeverIndexedHeaderTuple(*pair) for pair in fields], huffman=False)

    def take(self):
        """The number of a new stream."""
        self.next += 2
        return self.next - 2

    def request(self, path="/plaintext", method="GET", extra=(), ends=True, fields=None):
        """Sends a head; returns its stream."""
        stream = self.take()
        block = self.block(fields or self.fields(path, method, extra))
        self.put(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, block)
        return stream

    # ---- receiving ----

    def read_frame(self, deadline):
        """The next frame; raises where the connection has ended or time is up."""
        while len(self.received) < 9 or len(self.received) < 9 + int.from_bytes(self.received[:3], "big"):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing came")
            self.socket.settimeout(left)
            try:
                piece = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                piece = b""
            if not piece:
                raise Ended(self.goaway)
            self.received += piece
        length = int.from_bytes(self.received[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.received[3:9])
        payload, self.received = self.received[9:9 + length], self.received[9 + length:]
        self.note(kind, flags, stream & 0x7FFFFFFF, payload)
        return kind, flags, stream & 0x7FFFFFFF, payload

    def note(self, kind, flags, stream, payload):
        self.frames.append((kind, flags, stream, len(payload)))
        response = self.streams.setdefault(stream, Response())
        if kind == SETTINGS and not flags & ACK:
            for offset in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[offset:offset + 6])
                self.settings[name] = value
            if self.answers_settings:
                self.put(SETTINGS, ACK, 0)
        elif kind == PING:
            self.pings.append((flags, payload))
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[4:8])[0]
        elif kind == HEADERS:
            if not flags & END_HEADERS:
                raise Failed("a response head in several frames")
            response.heads.append(self.decoder.decode(payload))
        elif kind == DATA:
            response.data += payload
        elif kind == RST_STREAM:
            response.reset = struct.unpack(">I", payload)[0]
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = self.windows.get(stream, 0) + struct.unpack(">I", payload)[0]
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            response.ended = True

    def wait(self, condition, seconds=WAIT_SECONDS):
        """Reads until something holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.read_frame(deadline)

    def response(self, stream, seconds=WAIT_SECONDS):
        """The whole response on a stream."""
        found = self.streams.setdefault(stream, Response())
        self.wait(lambda: found.ended or found.reset is not None, seconds)
        return found

    def ping(self):
        """Waits for the answer to a PING: everything before it was dealt with."""
        count = len(self.pings)
        self.put(PING, 0, 0, b"question")
        self.wait(lambda: len(self.pings) > count)

    def drain(self, seconds):
        """Reads for so long, or to the end of the connection."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self.read_frame(deadline)
        except (TimeoutError, Ended):
            pass

    # ---- what must come ----

    def expect_end(self, *codes, seconds=WAIT_SECONDS):
        """The connection must end, after GOAWAY with one of the codes."""
        try:
            deadline = time.monotonic() + seconds
            while True:
                self.read_frame(deadline)
        except Ended as end:
            if end.code not in codes:
                raise Failed(f"the connection ended with GOAWAY {end.code}, not {codes}") from None
        except TimeoutError:
            raise Failed(f"the connection lives on; GOAWAY {self.goaway}") from None

    def expect_reset(self, stream, *codes):
        """The stream must be reset, or the connection end, with one of the codes (RFC 9113 5.4)."""
        try:
            found = self.response(stream)
        except Ended as end:
            if end.code in codes:
                return
            raise
        if found.reset not in codes:
            raise Failed(f"stream {stream}: reset {found.reset}, status {found.status}")

    def expect_malformed(self, stream):
        """The request must be treated as malformed: reset with PROTOCOL_ERROR, or answered 400 (8.1.1)."""
        try:
            found = self.response(stream)
        except Ended as end:
            if end.code == PROTOCOL_ERROR:
                return
            raise
        if found.reset != PROTOCOL_ERROR and found.status != 400:
            raise Failed(f"stream {stream}: reset {found.reset}, status {found.status}")

    def expect_works(self):
        """Another request on this connection must be answered."""
        found = self.response(self.request())
        if found.status != 200 or found.data != b"Hello, World!":
            raise Failed(f"a request afterwards: status {found.status}, reset {found.reset}")
