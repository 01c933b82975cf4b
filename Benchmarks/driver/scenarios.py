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

FILES = {scenario.file: scenario.body_bytes for scenario in SCENARIOS if scenario.file}
