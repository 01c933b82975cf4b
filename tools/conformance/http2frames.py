# SPDX-License-Identifier: Apache-2.0
"""Checks of RFC 9113 §3 to §6: the start, frames, streams, flow control."""

import struct
import time

import http2peer as h2
from http2checks import WINDOW, check, right, wrong
from http2peer import ACK, END_HEADERS, END_STREAM, Peer
from support import pattern, want


# ---- 3: starting ----


@right("3.4 the server's first frame is SETTINGS")
def _(peer):
    peer.wait(lambda: peer.frames)
    want(peer.frames[0][0] == h2.SETTINGS and not peer.frames[0][1] & ACK, peer.frames)


@right("3.4 our SETTINGS are acknowledged")
def _(peer):
    peer.wait(lambda: any(kind == h2.SETTINGS and flags & ACK for kind, flags, _, _ in peer.frames))


@check("3.4 a preface that is cut at every byte is taken")
def _(server):
    with Peer(server.host, server.http, preface=False) as peer:
        for byte in h2.PREFACE + peer.frame(h2.SETTINGS, 0, 0):
            peer.send(bytes([byte]))
        peer.expect_works()


@check("3.4 a preface that goes wrong ends the connection")
def _(server):
    with Peer(server.host, server.http, preface=False) as peer:
        peer.send(h2.PREFACE[:18] + b"XX\r\n\r\n" + b"\0" * 64)
        want(not until_closed(peer).startswith(b"HTTP/1.1 200"), "it was answered")


def until_closed(peer):
    received = b""
    peer.socket.settimeout(10)
    try:
        while piece := peer.socket.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


@check("3.4 a preface without SETTINGS behind it ends the connection")
def _(server):
    with Peer(server.host, server.http, preface=False) as peer:
        peer.send(h2.PREFACE + peer.frame(h2.PING, 0, 0, b"12345678"))
        peer.expect_end(h2.PROTOCOL_ERROR)


@check("3.2 over TLS, h2 is chosen by ALPN and a request answered")
def _(server):
    with Peer(server.host, server.https, tls=server.authority or True) as peer:
        peer.expect_works()


# ---- 4: frames ----


@wrong("4.2 a DATA frame over SETTINGS_MAX_FRAME_SIZE", h2.FRAME_SIZE_ERROR)
def _(peer):
    stream = peer.request("/echo", "POST", ends=False)
    peer.put(h2.DATA, 0, stream, bytes(16385))


@wrong("4.2 a HEADERS frame over SETTINGS_MAX_FRAME_SIZE", h2.FRAME_SIZE_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, bytes(16385))


@right("4.2 a DATA frame of just SETTINGS_MAX_FRAME_SIZE is taken")
def _(peer):
    stream = peer.request("/echo", "POST", ends=False)
    peer.put(h2.DATA, END_STREAM, stream, pattern(16384))
    want(peer.response(stream).data == pattern(16384), "not what was sent")


@right("4.1 frames of unknown types are ignored")
def _(peer):
    for kind in (10, 0x0F, 0x42, 0xFF):
        peer.put(kind, 0xFF, 0, b"whatever")
    stream = peer.request("/echo", "POST", ends=False)
    peer.put(0x77, 0, stream, b"whatever")
    peer.put(h2.DATA, END_STREAM, stream, b"abc")
    want(peer.response(stream).data == b"abc", "not what was sent")


@right("4.1 flags that have no meaning are ignored")
def _(peer):
    peer.put(h2.PING, 0xFE, 0, b"12345678")
    peer.wait(lambda: peer.pings)


@right("4.1 the reserved bit of a stream identifier is ignored")
def _(peer):
    stream = peer.take()
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, stream | 1 << 31, peer.block(peer.fields()))
    want(peer.response(stream).status == 200, "no 200")


@wrong("4.3 a field block that is no HPACK", h2.COMPRESSION_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff")


@wrong("4.3 an index beyond the dynamic table (RFC 7541 2.3.3)", h2.COMPRESSION_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, b"\xfe")


@wrong("4.3 a dynamic table update over the limit (RFC 7541 6.3)", h2.COMPRESSION_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, b"\x3f\xe2\xff\x7f" + peer.block(peer.fields()))


@wrong("4.3 a dynamic table update behind a field (RFC 7541 4.2)", h2.COMPRESSION_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, peer.block(peer.fields()) + b"\x20")


@wrong("4.3 Huffman padding of more than 7 bits (RFC 7541 5.2)", h2.COMPRESSION_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01a\x82\xff\xff")


@wrong("4.3 Huffman text that holds EOS (RFC 7541 5.2)", h2.COMPRESSION_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01a\x84\xff\xff\xff\xff")


@wrong("4.3 another frame between HEADERS and CONTINUATION", h2.PROTOCOL_ERROR)
def _(peer):
    block = peer.block(peer.fields())
    peer.put(h2.HEADERS, END_STREAM, 1, block[:5])
    peer.put(h2.PING, 0, 0, b"12345678")
    peer.put(h2.CONTINUATION, END_HEADERS, 1, block[5:])


@wrong("4.3 a frame of an unknown type between HEADERS and CONTINUATION", h2.PROTOCOL_ERROR)
def _(peer):
    block = peer.block(peer.fields())
    peer.put(h2.HEADERS, END_STREAM, 1, block[:5])
    peer.put(0x42, 0, 1, b"")
    peer.put(h2.CONTINUATION, END_HEADERS, 1, block[5:])


@right("4.3 the dynamic table holds across requests")
def _(peer):
    import hpack

    encoder = hpack.Encoder()
    fields = peer.fields("/headers", extra=[("x-note", "a" * 40)])
    for _ in range(3):
        stream = peer.take()
        peer.put(h2.HEADERS, END_HEADERS | END_STREAM, stream, encoder.encode(fields))
        want(b'["x-note","' + b"a" * 40 + b'"]' in peer.response(stream).data, "the field did not arrive")
    peer.encoder = encoder


# ---- 5: streams ----


@wrong("5.1.1 a stream of even number", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 2, peer.block(peer.fields()))


@wrong("5.1.1 a stream number lower than the last", h2.PROTOCOL_ERROR, h2.STREAM_CLOSED)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 5, peer.block(peer.fields()))
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 3, peer.block(peer.fields()))


@wrong("5.1 DATA on an idle stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.DATA, END_STREAM, 1, b"abc")


@wrong("5.1 RST_STREAM on an idle stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.RST_STREAM, 0, 1, struct.pack(">I", h2.CANCEL))


@wrong("5.1 WINDOW_UPDATE on an idle stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.WINDOW_UPDATE, 0, 1, struct.pack(">I", 1))


@wrong("5.1 CONTINUATION on an idle stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.CONTINUATION, END_HEADERS, 1, peer.block(peer.fields()))


@check("5.1 DATA on a half-closed stream")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/300")
        peer.put(h2.DATA, END_STREAM, stream, b"abc")
        peer.expect_reset(stream, h2.STREAM_CLOSED)


@check("5.1 HEADERS on a half-closed stream")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/300")
        peer.put(h2.HEADERS, END_HEADERS | END_STREAM, stream, peer.block([("x-a", "b")]))
        peer.expect_reset(stream, h2.STREAM_CLOSED)


@wrong("5.1 HEADERS on a closed stream", h2.STREAM_CLOSED, h2.PROTOCOL_ERROR)
def _(peer):
    stream = peer.request()
    peer.response(stream)
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, stream, peer.block(peer.fields()))


@check("6.1 DATA on a stream that has ended")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request()
        peer.response(stream).ended = False
        peer.put(h2.DATA, 0, stream, b"x")
        peer.expect_reset(stream, h2.STREAM_CLOSED)


@check("6.1 DATA on a stream that the client has reset")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/echo", "POST", ends=False)
        peer.put(h2.RST_STREAM, 0, stream, struct.pack(">I", h2.CANCEL))
        peer.ping()
        peer.put(h2.DATA, END_STREAM, stream, b"x")
        peer.expect_reset(stream, h2.STREAM_CLOSED)


@right("5.1 WINDOW_UPDATE and RST_STREAM on a closed stream are ignored")
def _(peer):
    stream = peer.request()
    peer.response(stream)
    peer.put(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 1))
    peer.put(h2.RST_STREAM, 0, stream, struct.pack(">I", h2.CANCEL))


@right("5.1 PRIORITY in every state is ignored")
def _(peer):
    peer.put(h2.PRIORITY, 0, 1, struct.pack(">IB", 0, 15))
    stream = peer.request("/echo", "POST", ends=False)
    peer.put(h2.PRIORITY, 0, stream, struct.pack(">IB", 0, 15))
    peer.put(h2.DATA, END_STREAM, stream, b"x")
    peer.response(stream)
    peer.put(h2.PRIORITY, 0, stream, struct.pack(">IB", 0, 15))


@right("5.1.2 as many streams as SETTINGS_MAX_CONCURRENT_STREAMS allows are served at once")
def _(peer):
    peer.wait(lambda: peer.settings)
    most = peer.settings.get(3)
    want(most is not None and 100 <= most <= 1000, f"the setting is {most}")
    streams = [peer.request("/echo", "POST", ends=False) for _ in range(most)]
    for stream in streams:
        peer.put(h2.DATA, END_STREAM, stream, b"x")
    for stream in streams:
        want(peer.response(stream).data == b"x", f"stream {stream}")


@check("5.1.2 a stream over SETTINGS_MAX_CONCURRENT_STREAMS is refused")
def _(server):
    with Peer(server.host, server.http) as peer:
        peer.wait(lambda: peer.settings)
        streams = [peer.request("/delay/20000") for _ in range(peer.settings[3] + 1)]
        peer.expect_reset(streams[-1], h2.REFUSED_STREAM, h2.PROTOCOL_ERROR)


@right("5.1 a stream that the client resets leaves the others alone")
def _(peer):
    stays, goes = peer.request("/delay/300"), peer.request("/delay/20000")
    peer.put(h2.RST_STREAM, 0, goes, struct.pack(">I", h2.CANCEL))
    want(peer.response(stays).status == 200, "no 200")


@right("5.1 DATA that was under way when the server reset the stream is ignored")
def _(peer):
    stream = peer.request("/abort/10", "GET", ends=False)
    want(peer.response(stream).reset is not None, "no reset")
    peer.put(h2.DATA, 0, stream, b"abc")


# ---- 5.2, 6.9: flow control ----


@right("6.9 no more DATA comes than the stream's window allows")
def _(peer):
    stream = peer.request("/bytes/200000")
    peer.wait(lambda: len(peer.streams[stream].data) >= WINDOW if stream in peer.streams else False)
    peer.drain(0.3)
    want(len(peer.streams[stream].data) == WINDOW, f"{len(peer.streams[stream].data)} bytes")
    peer.put(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 20))
    for _ in range(3):
        peer.put(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 50000))
    want(peer.response(stream).data == pattern(200000), "not what was asked for")


@check("6.9.2 SETTINGS_INITIAL_WINDOW_SIZE of 1 is kept to, and a larger one opens the stream")
def _(server):
    with Peer(server.host, server.http, settings=[(4, 1)]) as peer:
        stream = peer.request("/bytes/1000")
        peer.wait(lambda: stream in peer.streams and peer.streams[stream].data)
        peer.drain(0.3)
        want(len(peer.streams[stream].data) == 1, f"{len(peer.streams[stream].data)} bytes")
        peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 2000))
        want(peer.response(stream).data == pattern(1000), "not what was asked for")
        peer.expect_works()


@check("6.9.2 a window made negative by SETTINGS is waited for")
def _(server):
    with Peer(server.host, server.http, settings=[(4, 100)]) as peer:
        stream = peer.request("/bytes/300")
        peer.wait(lambda: stream in peer.streams and len(peer.streams[stream].data) == 100)
        peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 10))  # the window is now -90
        peer.put(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 90))
        peer.drain(0.3)
        want(len(peer.streams[stream].data) == 100, "DATA came with no window")
        peer.put(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 200))
        want(peer.response(stream).data == pattern(300), "not what was asked for")


@right("6.9.1 an empty response needs no window")
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    want(peer.response(peer.request("/bytes/0")).ended, "it did not end")
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, WINDOW))


@wrong("6.9 a WINDOW_UPDATE of 0 on the connection", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 0))


@check("6.9 a WINDOW_UPDATE of 0 on a stream")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/500")
        peer.put(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 0))
        peer.expect_reset(stream, h2.PROTOCOL_ERROR)


@wrong("6.9 a WINDOW_UPDATE of 3 bytes", h2.FRAME_SIZE_ERROR)
def _(peer):
    peer.put(h2.WINDOW_UPDATE, 0, 0, b"\0\0\1")


@wrong("6.9.1 a connection window over 2^31-1", h2.FLOW_CONTROL_ERROR)
def _(peer):
    for _ in range(2):
        peer.put(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 31) - 1))


@check("6.9.1 a stream window over 2^31-1")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/500")
        for _ in range(2):
            peer.put(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", (1 << 31) - 1))
        peer.expect_reset(stream, h2.FLOW_CONTROL_ERROR)


@check("6.9.2 SETTINGS that take a stream window over 2^31-1")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/500")
        peer.put(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", (1 << 31) - 1 - WINDOW))
        peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 20))
        peer.expect_reset(stream, h2.FLOW_CONTROL_ERROR)


@check("6.9.1 DATA over the server's window ends the stream or the connection")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/3000", "GET", ends=False)
        for _ in range(100):  # 1.6 MiB that nobody reads, over every window
            peer.put(h2.DATA, 0, stream, bytes(16384))
        peer.expect_reset(stream, h2.FLOW_CONTROL_ERROR)


@right("6.9 an upload over every window arrives, as windows are opened again")
def _(peer):
    peer.wait(lambda: peer.settings)
    stream_window, sent = peer.settings.get(4, WINDOW), 0
    stream = peer.request("/upload", "POST", ends=False)
    total = 3_000_000
    while sent < total:
        room = min(stream_window + peer.windows.get(stream, 0), WINDOW + peer.windows.get(0, 0)) - sent
        if room <= 0:
            peer.read_frame(time.monotonic() + 10)
            continue
        size = min(room, 16384, total - sent)
        peer.put(h2.DATA, END_STREAM if sent + size == total else 0, stream, bytes(size))
        sent += size
    want(b'"length":3000000' in peer.response(stream).data, peer.streams[stream].data)


# ---- 6: the frames ----


@wrong("6.1 DATA on stream 0", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.DATA, 0, 0, b"abc")


@wrong("6.1 padding as long as the frame", h2.PROTOCOL_ERROR)
def _(peer):
    stream = peer.request("/echo", "POST", ends=False)
    peer.put(h2.DATA, h2.PADDED | END_STREAM, stream, b"\x05abcd")


@right("6.1 padded DATA gives its content alone")
def _(peer):
    stream = peer.request("/echo", "POST", ends=False)
    peer.put(h2.DATA, h2.PADDED | END_STREAM, stream, b"\x03abc" + bytes(3))
    want(peer.response(stream).data == b"abc", peer.streams[stream].data)


@wrong("6.2 HEADERS on stream 0", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM, 0, peer.block(peer.fields()))


@wrong("6.2 HEADERS with too much padding", h2.PROTOCOL_ERROR)
def _(peer):
    block = peer.block(peer.fields())
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM | h2.PADDED, 1, bytes([len(block) + 1]) + block)


@right("6.2 HEADERS with padding and a priority are taken")
def _(peer):
    stream = peer.take()
    payload = b"\x04" + struct.pack(">IB", 0, 200) + peer.block(peer.fields()) + bytes(4)
    peer.put(h2.HEADERS, END_HEADERS | END_STREAM | h2.PADDED | h2.PRIORITISED, stream, payload)
    want(peer.response(stream).status == 200, "no 200")


@wrong("6.3 PRIORITY on stream 0", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.PRIORITY, 0, 0, struct.pack(">IB", 1, 15))


@check("6.3 PRIORITY of 4 bytes")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/500")
        peer.put(h2.PRIORITY, 0, stream, bytes(4))
        peer.expect_reset(stream, h2.FRAME_SIZE_ERROR)


@wrong("6.4 RST_STREAM on stream 0", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.RST_STREAM, 0, 0, struct.pack(">I", h2.CANCEL))


@wrong("6.4 RST_STREAM of 3 bytes", h2.FRAME_SIZE_ERROR)
def _(peer):
    stream = peer.request("/delay/500")
    peer.put(h2.RST_STREAM, 0, stream, bytes(3))


@wrong("6.5 SETTINGS on a stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.SETTINGS, 0, 1)


@wrong("6.5 an acknowledgement of SETTINGS with content", h2.FRAME_SIZE_ERROR)
def _(peer):
    peer.put(h2.SETTINGS, ACK, 0, bytes(6))


@wrong("6.5 SETTINGS of 7 bytes", h2.FRAME_SIZE_ERROR)
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, bytes(7))


@wrong("6.5.2 SETTINGS_ENABLE_PUSH of 2", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 2, 2))


@wrong("6.5.2 SETTINGS_INITIAL_WINDOW_SIZE over 2^31-1", h2.FLOW_CONTROL_ERROR)
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31))


@wrong("6.5.2 SETTINGS_MAX_FRAME_SIZE under 16384", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 5, 16383))


@wrong("6.5.2 SETTINGS_MAX_FRAME_SIZE over 2^24-1", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 5, 1 << 24))


@right("6.5.2 settings nobody knows are ignored")
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HIHI", 0x99, 1, 0xFFFF, 0xFFFFFFFF))


@right("6.5.2 SETTINGS_HEADER_TABLE_SIZE of 0 is kept to by the server's encoder (RFC 7541 4.2)")
def _(peer):
    peer.put(h2.SETTINGS, 0, 0, struct.pack(">HI", 1, 0))
    peer.ping()
    peer.decoder.max_allowed_table_size = 0
    for _ in range(2):
        want(peer.response(peer.request("/cached")).status == 200, "no 200")


@wrong("6.6 PUSH_PROMISE from a client", h2.PROTOCOL_ERROR)
def _(peer):
    stream = peer.request("/delay/500")
    peer.put(h2.PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", 2) + peer.block(peer.fields()))


@right("6.7 PING is answered with its own content")
def _(peer):
    peer.put(h2.PING, 0, 0, b"\0\1\2\3\4\5\6\7")
    peer.wait(lambda: peer.pings)
    want(peer.pings == [(ACK, b"\0\1\2\3\4\5\6\7")], peer.pings)


@right("6.7 an answer to no PING is not answered")
def _(peer):
    peer.put(h2.PING, ACK, 0, b"12345678")
    peer.put(h2.PING, 0, 0, b"abcdefgh")
    peer.wait(lambda: peer.pings)
    want(peer.pings == [(ACK, b"abcdefgh")], peer.pings)


@wrong("6.7 PING on a stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.PING, 0, 1, b"12345678")


@wrong("6.7 PING of 7 bytes", h2.FRAME_SIZE_ERROR)
def _(peer):
    peer.put(h2.PING, 0, 0, b"1234567")


@wrong("6.8 GOAWAY on a stream", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.GOAWAY, 0, 1, struct.pack(">II", 0, 0))


@check("6.8 after the client's GOAWAY, streams under way are served and the connection ends")
def _(server):
    with Peer(server.host, server.http) as peer:
        stream = peer.request("/delay/200")
        peer.put(h2.GOAWAY, 0, 0, struct.pack(">II", 0, 0))
        want(peer.response(stream).status == 200, "no 200")
        peer.expect_end(None, h2.NO_ERROR)


@check("6.8 the client's GOAWAY may name any last stream")
def _(server):
    for last in (1, 0x7FFFFFFF):
        with Peer(server.host, server.http) as peer:
            stream = peer.request("/delay/200")
            peer.put(h2.GOAWAY, 0, 0, struct.pack(">II", last, 0))
            want(peer.response(stream).status == 200, "no 200")
            peer.expect_end(None, h2.NO_ERROR)


@wrong("6.10 CONTINUATION on stream 0", h2.PROTOCOL_ERROR)
def _(peer):
    peer.put(h2.CONTINUATION, END_HEADERS, 0, b"")


@wrong("6.10 CONTINUATION of another stream", h2.PROTOCOL_ERROR)
def _(peer):
    block = peer.block(peer.fields())
    peer.put(h2.HEADERS, END_STREAM, 1, block[:5])
    peer.put(h2.CONTINUATION, END_HEADERS, 3, block[5:])


@wrong("6.10 CONTINUATION after END_HEADERS", h2.PROTOCOL_ERROR)
def _(peer):
    stream = peer.request("/delay/500")
    peer.put(h2.CONTINUATION, END_HEADERS, stream, b"")


@right("6.10 a head in eight CONTINUATION frames, some empty, is taken")
def _(peer):
    stream = peer.take()
    block = peer.block(peer.fields())
    peer.put(h2.HEADERS, END_STREAM, stream, block[:3])
    for index in range(3, 9):
        peer.put(h2.CONTINUATION, 0, stream, block[index:index + 1])
    peer.put(h2.CONTINUATION, 0, stream, b"")
    peer.put(h2.CONTINUATION, END_HEADERS, stream, block[9:])
    want(peer.response(stream).status == 200, "no 200")
