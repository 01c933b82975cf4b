# SPDX-License-Identifier: Apache-2.0
"""What is asked of every server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    name: str
    path: str
    body_bytes: int
    depth: int = 1  # requests sent at a time
    closes: bool = False  # each request asks for the connection to be closed
    file: str | None = None  # served from the root directory
    secure: bool = False  # over TLS
    load: str = "wrk"  # what makes the load: wrk, wrk-tls, handshakes, h2load, download, upload
    streams: int = 0  # HTTP/2 requests at a time on each connection
    connections: int = 0  # where the scenario has its own number
    options: tuple[str, ...] = ()  # of the program that makes the load
    mix: int = 0  # prefixes /m0/, /m1/ … that the requests go to in turn

    def request(self, port: int) -> bytes:
        """The bytes that the load generator sends for one request."""
        close = "Connection: close\r\n" if self.closes else ""
        return f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{close}\r\n".encode()


SCENARIOS = [
    Scenario("plaintext", "/plaintext", 13),
    Scenario("cached", "/cached", 7),
    Scenario("pipelined", "/plaintext", 13, depth=16),
    Scenario("close", "/plaintext", 13, closes=True),
    Scenario("file-1k", "/files/1k.bin", 1024, file="1k.bin"),
    Scenario("file-100k", "/files/100k.bin", 102400, file="100k.bin"),
]

# Through the service: embedded, service with its worker beside it, service with its worker on another CPU.
SERVICE_SCENARIOS = [
    Scenario("service-plaintext", "/plaintext", 13, connections=64),
    Scenario("service-pipelined", "/plaintext", 13, depth=16, connections=64),
    Scenario("service-cached", "/cached", 7, connections=64),
]

# The service with more and more of what it may hold; the same requests to all.
SCALE_SCENARIO = Scenario("service-scale", "/m0/plaintext", 13, mix=256, connections=64)

LARGE = "1g.bin"
GIBIBYTE = 1 << 30

# Over TLS and HTTP/2: ours and nginx, with one certificate.
SECURE_SCENARIOS = [
    Scenario("tls-plaintext", "/plaintext", 13, secure=True, load="wrk-tls", connections=64),
    Scenario("tls-cached", "/cached", 7, secure=True, load="wrk-tls", connections=64),
    Scenario("handshake-full", "/plaintext", 13, secure=True, load="handshakes", connections=4, options=("-new",)),
    Scenario("handshake-resumed", "/plaintext", 13, secure=True, load="handshakes", connections=4,
             options=("-reuse",)),
    Scenario("h2-1", "/plaintext", 13, secure=True, load="h2load", connections=64, streams=1),
    Scenario("h2-32", "/plaintext", 13, secure=True, load="h2load", connections=64, streams=32),
    Scenario("h2-100", "/plaintext", 13, secure=True, load="h2load", connections=64, streams=100),
    *(
        Scenario(f"{load}-{name}", path, GIBIBYTE, secure=secure, load=load, connections=1, options=(option,))
        for load, path in (("download", f"/files/{LARGE}"), ("upload", "/redirect/0"))
        for name, secure, option in (
            ("http", False, "--http1.1"), ("tls", True, "--http1.1"), ("h2", True, "--http2"),
        )
    ),
]

FILES = {scenario.file: scenario.body_bytes for scenario in SCENARIOS if scenario.file}
