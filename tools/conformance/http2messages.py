# SPDX-License-Identifier: Apache-2.0
"""Checks of RFC 9113 §8 and §10: messages, limits, floods; and of what extends it."""

import re
import struct

import http2peer as h2
import support
from http2checks import CHECKS, WINDOW, check, right, wrong
from http2peer import END_HEADERS, END_STREAM, Peer
from support import pattern, want


# ---- 8: messages ----


def malformed(name, change):
    """A request with changed fields must be treated as malformed, and the connection live on."""

    def run(server):
        with Peer(server.host, server.http) as peer:
            peer.expect_malformed(peer.request(fields=change(peer.fields())))
            if peer.goaway is None:
                peer.expect_works()

    CHECKS.append((name, run))


def without(name):
    return lambda fields: [pair for pair in fields if pair[0] != name]


def plus(*pairs):
    return lambda fields: [*fields, *pairs]


def replaced(name, value):
    return lambda fields: [(key, value if key == name else old) for key, old in fields]


malformed("8.2.1 a field name in upper case", plus(("X-Upper", "a")))
malformed("8.2.1 a field name with a space", plus(("x y", "a")))
malformed("8.2.1 a field name with a colon", plus(("x:y", "a")))
malformed("8.2.1 an empty field name", plus(("", "a")))
malformed("8.2.1 a field value with NUL", plus(("x", "a\0b")))
malformed("8.2.1 a field value with LF", plus(("x", "a\nb: c")))
malformed("8.2.1 a field value with CR", plus(("x", "a\rb")))
malformed("8.2.2 a Connection field", plus(("connection", "keep-alive")))
malformed("8.2.2 a Proxy-Connection field", plus(("proxy-connection", "keep-alive")))
malformed("8.2.2 a Keep-Alive field", plus(("keep-alive", "5")))
malformed("8.2.2 a Transfer-Encoding field", plus(("transfer-encoding", "chunked")))
malformed("8.2.2 an Upgrade field", plus(("upgrade", "h2c")))
malformed("8.2.2 TE of other than trailers", plus(("te", "gzip")))
malformed("8.3 a pseudo-header field that nobody knows", plus((":x", "a")))
malformed("8.3 :status in a request", plus((":status", "200")))
malformed("8.3 a pseudo-header field behind another field", lambda fields: [*fields[:3], ("x", "a"), fields[3]])
malformed("8.3 a pseudo-header field twice", plus((":path", "/")))
malformed("8.3.1 no :method", without(":method"))
malformed("8.3.1 no :scheme", without(":scheme"))
malformed("8.3.1 no :path", without(":path"))
malformed("8.3.1 an empty :path", replaced(":path", ""))
malformed("8.3.1 a :path that does not begin with a slash", replaced(":path", "plaintext"))
malformed("8.3.1 an empty :method", replaced(":method", ""))
malformed("8.3.1 Host and :authority that differ", plus(("host", "other.example")))
malformed("8.3.1 neither Host nor :authority", without(":authority"))
malformed("8.5 CONNECT with :path and no protocol", replaced(":method", "CONNECT"))


@right("8.2.2 TE of trailers is taken")
def _(peer):
    want(peer.response(peer.request(extra=[("te", "trailers")])).status == 200, "no 200")


@right("8.2.3 Cookie fields in pieces reach the application as one")
def _(peer):
    found = peer.response(peer.request("/headers", extra=[("cookie", "a=1"), ("cookie", "b=2")]))
    want(b'["cookie","a=1; b=2"]' in found.data, found.data)


@right("8.3.1 Host alone, as from a translating proxy, is taken")
def _(peer):
    fields = [pair for pair in peer.fields() if pair[0] != ":authority"] + [("host", peer.authority)]
    want(peer.response(peer.request(fields=fields)).status == 200, "no 200")


def content(name, declared, sent, method="POST"):
    def run(server):
        with Peer(server.host, server.http) as peer:
            stream = peer.request("/echo", method, [("content-length", declared)], ends=not sent)
            if sent:
                peer.put(h2.DATA, END_STREAM, stream, sent)
            peer.expect_malformed(stream)
            if peer.goaway is None:
                peer.expect_works()

    CHECKS.append((name, run))


content("8.1.1 less content than Content-Length", "10", b"abc")
content("8.1.1 more content than Content-Length", "2", b"abc")
content("8.1.1 no content with a Content-Length", "2", b"")
content("8.1.1 a Content-Length that is no number", "+3", b"abc")


@check("8.1 a trailer section with a pseudo-header field")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/upload", "POST", ends=False)
        peer.put(h2.DATA, 0, stream, b"abc")
        peer.put(h2.HEADERS, END_HEADERS | END_STREAM, stream, peer.block([(":path", "/")]))
        peer.expect_malformed(stream)


def trailer(name, *pair):
    @check(name)
    def _(server):
        with Peer(server.host, server.http) as peer:
            stream = peer.request("/upload", "POST", ends=False)
            peer.put(h2.HEADERS, END_HEADERS | END_STREAM, stream, peer.block([pair]))
            peer.expect_malformed(stream)


trailer("8.2.2 a trailer section with Connection", "connection", "close")
trailer("8.2.2 a trailer section with TE of something else than trailers", "te", "gzip")
trailer("8.2.1 a trailer whose value begins with a space", "x-a", " b")
trailer("8.2.1 a trailer whose value ends with a tab", "x-a", "b\t")
trailer("8.2.1 a trailer that is dropped, with a line feed in its value", "content-type", "a\nb")


@check("8.1 a second HEADERS frame that does not end the stream")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/upload", "POST", ends=False)
        peer.put(h2.DATA, 0, stream, b"abc")
        peer.put(h2.HEADERS, END_HEADERS, stream, peer.block([("x-a", "b")]))
        peer.expect_malformed(stream)


@right("8.1 trailers of a request reach the application")
def _(peer):
    stream = peer.request("/upload", "POST", ends=False)
    peer.put(h2.DATA, 0, stream, b"abc")
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, stream, peer.block([("x-a", "b")]))
    want(b'"trailers":[["x-a","b"]]' in peer.response(stream).data, peer.streams[stream].data)


@right("8.1 trailers of a response arrive behind its content")
def _(peer):
    found = peer.response(peer.request("/trailers"))
    want(len(found.heads) == 2 and dict(found.heads[1]) == {"x-checksum": "ok"}, found.heads)


@right("8.1 an interim response arrives before the response")
def _(peer):
    found = peer.response(peer.request("/early-hints"))
    want([dict(head)[":status"] for head in found.heads] == ["103", "200"], found.heads)


@right("8.1 HEAD has the fields of GET and no content")
def _(peer):
    found = peer.response(peer.request("/bytes/1000", "HEAD"))
    want((found.status, found.field("content-length"), found.data) == (200, "1000", b""), found.heads)


@right("8.1 a response that is aborted is reset")
def _(peer):
    want(peer.response(peer.request("/abort/1000")).reset not in (None, h2.NO_ERROR), "no reset")


@right("8.1.1 a response has lower-case names and no field of the connection")
def _(peer):
    names = [name for name, _ in peer.response(peer.request("/headers")).heads[0]]
    want(all(name == name.lower() for name in names), names)
    want(not {"connection", "transfer-encoding", "keep-alive"} & set(names), names)


@right("8.1 an early response to an upload ends it with RST_STREAM NO_ERROR, or takes it")
def _(peer):
    stream = peer.request("/upload/limit/10", "POST", ends=False)
    peer.put(h2.DATA, 0, stream, bytes(1000))
    found = peer.response(stream)
    want(found.status == 413, f"status {found.status}")
    peer.drain(0.3)
    want(found.reset in (None, h2.NO_ERROR, h2.CANCEL), f"reset {found.reset}")


@right("RFC 8441 3 SETTINGS_ENABLE_CONNECT_PROTOCOL is told")
def _(peer):
    peer.wait(lambda: peer.settings)
    want(peer.settings.get(8) == 1, peer.settings)


@right("RFC 8441 5 a WebSocket over extended CONNECT echoes a message")
def _(peer):
    fields = [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", peer.scheme), (":path", "/ws"),
        (":authority", peer.authority), ("sec-websocket-version", "13"),
    ]
    stream = peer.request(fields=fields, ends=False)
    peer.wait(lambda: stream in peer.streams and peer.streams[stream].heads)
    want(peer.streams[stream].status == 200, peer.streams[stream].heads)
    peer.put(h2.DATA, 0, stream, b"\x81\x82\0\0\0\0hi")
    peer.wait(lambda: len(peer.streams[stream].data) >= 4)
    want(peer.streams[stream].data == b"\x81\x02hi", peer.streams[stream].data)
    peer.put(h2.DATA, END_STREAM, stream, b"\x88\x82\0\0\0\0\x03\xe8")
    peer.response(stream)


@right("RFC 9218 7.1 PRIORITY_UPDATE is taken")
def _(peer):
    peer.put(h2.PRIORITY_UPDATE, 0, 0, struct.pack(">I", 1) + b"u=1, i")


@wrong("RFC 9218 7.1 PRIORITY_UPDATE on a stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.PRIORITY_UPDATE, 0, 1, struct.pack(">I", 1) + b"u=1")


@wrong("RFC 9218 7.1 PRIORITY_UPDATE of stream 0", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.PRIORITY_UPDATE, 0, 0, struct.pack(">I", 0) + b"u=1")


@check("RFC 9218 10 of two large responses, the more urgent is sent first")
def _(server):
    with Peer(server.host, server.http, settings=[(4, 1 << 20)]) as peer:
        peer.put(h2.SETTINGS, 0, 0, b"")
        slow = peer.request("/bytes/500000", extra=[("priority", "u=6")])
        fast = peer.request("/bytes/500000", extra=[("priority", "u=0")])
        peer.drain(0.3)  # the connection's window of 65,535 is used up
        before = [len(peer.streams[stream].data) if stream in peer.streams else 0 for stream in (slow, fast)]
        peer.put(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 400000))
        peer.drain(0.5)
        after = [len(peer.streams[stream].data) for stream in (slow, fast)]
        want(sum(after) - sum(before) == 400000, f"{sum(after) - sum(before)} bytes for a window of 400,000")
        less, more = after[0] - before[0], after[1] - before[1]
        want(more > 3 * less, f"{less} bytes of the less urgent one, {more} of the other")
        peer.put(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 20))
        for stream in (slow, fast):
            want(peer.response(stream).data == pattern(500000), "not what was asked for")


# ---- limits and floods ----


@right("10.5.1 a head over the limit is answered 431, or its stream reset")
def _(peer):
    big = [(f"x-{index}", "a" * 4000) for index in range(10)]
    stream = peer.take()
    block = peer.block(peer.fields(extra=big))
    pieces = [block[start:start + 16384] for start in range(0, len(block), 16384)]
    peer.put(h2.HEADERS, END_STREAM, stream, pieces[0])
    for index, piece in enumerate(pieces[1:], 2):
        peer.put(h2.CONTINUATION, END_HEADERS if index == len(pieces) else 0, stream, piece)
    found = peer.response(stream)
    want(found.status == 431 or found.reset is not None, f"status {found.status}")


@wrong("10.5.1 a compressed head of 400 KiB (a bomb)", h2.ENHANCE_YOUR_CALM, h2.COMPRESSION_ERROR, h2.PROTOCOL_ERROR)
def _(peer):
    insert = b"\x40\x01a\x7f\x81\x1e" + b"b" * 3968  # one entry of 3968 bytes, then its index a hundred times
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, peer.block(peer.fields()) + insert + b"\xbe" * 100)


@wrong("10.5 CONTINUATION without end", h2.ENHANCE_YOUR_CALM, h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_STREAM, 1, peer.block(peer.fields()))
    peer.send(peer.frame(h2.CONTINUATION, 0, 1, b"\x00\x01a\x01b") * 2000)


@wrong("10.5 empty CONTINUATION without end", h2.ENHANCE_YOUR_CALM, h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_STREAM, 1, peer.block(peer.fields()))
    peer.send(peer.frame(h2.CONTINUATION, 0, 1) * 5000)


@wrong("10.5 rapid reset", h2.ENHANCE_YOUR_CALM)
def _(peer):
    block = peer.block(peer.fields("/delay/1000"))
    for _ in range(20):
        burst = b""
        for _ in range(100):
            stream = peer.take()
            burst += peer.frame(h2.HEADERS, END_HEADERS | END_STREAM, stream, block)
            burst += peer.frame(h2.RST_STREAM, 0, stream, struct.pack(">I", h2.CANCEL))
        peer.send(burst)


@wrong("10.5 resets that the client provokes", h2.ENHANCE_YOUR_CALM, h2.PROTOCOL_ERROR)
def _(peer):
    block = peer.block(peer.fields("/delay/1000"))
    for _ in range(10):
        burst = b""
        for _ in range(100):
            stream = peer.take()
            burst += peer.frame(h2.HEADERS, END_HEADERS | END_STREAM, stream, block)
            burst += peer.frame(h2.WINDOW_UPDATE, 0, stream, bytes(4))
        peer.send(burst)


@wrong("10.5 resets that SETTINGS provoke", h2.ENHANCE_YOUR_CALM)
def _(peer):
    peer.ping()
    block = peer.block(peer.fields("/delay/1000"))
    for _ in range(10):
        burst, streams = b"", [peer.take() for _ in range(90)]
        for stream in streams:
            burst += peer.frame(h2.HEADERS, END_HEADERS | END_STREAM, stream, block)
            burst += peer.frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 2**31 - 1 - WINDOW))
        for size in (WINDOW + 1, WINDOW):
            burst += peer.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, size))
        peer.send(burst)
        try:
            peer.wait(lambda: all(stream in peer.streams and peer.streams[stream].reset for stream in streams))
        except h2.Ended:
            return


@wrong("10.5 DATA on a closed stream without end", h2.ENHANCE_YOUR_CALM)
def _(peer):
    stream = peer.request()
    peer.response(stream)
    for _ in range(50):
        peer.send(peer.frame(h2.DATA, 0, stream, b"x") * 200)


@wrong("10.5 PING without end", h2.ENHANCE_YOUR_CALM)
def _(peer):
    for _ in range(50):
        peer.send(peer.frame(h2.PING, 0, 0, b"12345678") * 200)


@wrong("10.5 SETTINGS without end", h2.ENHANCE_YOUR_CALM)
def _(peer):
    for _ in range(20):
        peer.send(peer.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, WINDOW)) * 100)


@wrong("10.5 empty DATA without end", h2.ENHANCE_YOUR_CALM)
def _(peer):
    stream = peer.request("/echo", "POST", ends=False)
    for _ in range(50):
        peer.send(peer.frame(h2.DATA, 0, stream) * 200)


@wrong("10.5 PRIORITY without end", h2.ENHANCE_YOUR_CALM)
def _(peer):
    for _ in range(50):
        peer.send(peer.frame(h2.PRIORITY, 0, 1, struct.pack(">IB", 0, 15)) * 200)


@wrong("10.5 WINDOW_UPDATE of one byte without end", h2.ENHANCE_YOUR_CALM)
def _(peer):
    for _ in range(50):
        peer.send(peer.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 200)


@check("10.5 PING whose answers nobody reads: memory stays bounded, others are served")
def _(server):
    before = server.resident_kib()
    with Peer(server.host, server.http) as peer:
        peer.answers_settings = False
        for _ in range(100):
            peer.send(peer.frame(h2.PING, 0, 0, b"12345678") * 1000)
        with Peer(server.host, server.http) as other:
            other.expect_works()
        if before:
            want(server.resident_kib() - before < 20_000, f"{server.resident_kib() - before} KiB more")


@check("10.5 a client that never opens its window keeps nobody else waiting")
def _(server):
    before = server.resident_kib()
    with Peer(server.host, server.http, settings=[(4, 0)]) as peer:
        for _ in range(50):
            peer.request("/bytes/10000000")
        with Peer(server.host, server.http) as other:
            other.expect_works()
        if before:
            want(server.resident_kib() - before < 40_000, f"{server.resident_kib() - before} KiB more")


@check("5.4.1 a connection that ended leaves no request behind")
def _(server):
    with Peer(server.host, server.http) as peer:
        for _ in range(20):
            peer.request("/delay/20000")
        peer.ping()

    def streams():
        with Peer(server.host, server.http) as other:
            return int(re.search(rb'"streams":(\d+)', other.response(other.request("/stats")).data)[1])

    want(support.until(lambda: streams() == 1, 5), f"{streams()} requests in progress")
