# SPDX-License-Identifier: Apache-2.0
"""One measured run: wrk against one server, with the window placed where every connection is at work."""

import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import asdict, dataclass, field

from .process import RunFailure, ServerProcess, busy_nanoseconds, cpu_nanoseconds, pinned, read_response
from .scenarios import Scenario

SCRIPT = pathlib.Path(__file__).parent.parent / "load.lua"


@dataclass
class Sample:
    """What one run of one server gave."""

    cpu_microseconds: float  # of the server, per request
    requests_per_second: float
    p99_microseconds: int | None  # none with several requests at a time: wrk corrects for waits wrongly there
    server_busy: float  # share of the window in which the server ran
    disturbance: float  # share of the window that other programs took of the server's CPU or of the load's
    errors: dict[str, int]
    parts: dict[str, float] = field(default_factory=dict)  # µs per request by what the processes do

    def as_dict(self) -> dict:
        return asdict(self)


def connect(server: ServerProcess, scenario: Scenario, context: ssl.SSLContext | None = None) -> socket.socket:
    """A connection to the server, over TLS where the scenario is."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    if not scenario.secure:
        return connection
    return (context or ssl._create_unverified_context()).wrap_socket(connection)


def probe(server: ServerProcess, scenario: Scenario) -> tuple[bytes, bytes]:
    """One checked request; it also fills the server's caches. Returns the head and body it sent."""
    try:
        with connect(server, scenario) as connection:
            connection.sendall(scenario.request(server.port))
            head, body = read_response(connection)
    except (OSError, ValueError) as error:
        raise server.failure(f"{scenario.path}: {error}") from error
    if len(body) != scenario.body_bytes:
        raise server.failure(f"{scenario.path}: {len(body)} bytes of body, not {scenario.body_bytes}")
    server.find_children()
    return head, body


class Load:
    """A running wrk. The kernel's count of bytes it has read tells its responses so far."""

    def __init__(self, server: ServerProcess, scenario: Scenario, connections: int, cpu: int, bound: int):
        self.server, self.cpu = server, cpu
        command = ["wrk", "-t1", f"-c{connections}", f"-d{bound}s", "--timeout", "10s", "-s", str(SCRIPT)]
        if scenario.closes:
            command += ["-H", "Connection: close"]
        command += [f"http://127.0.0.1:{server.port}{scenario.path}", "--", str(scenario.depth), str(scenario.mix)]
        self.process = subprocess.Popen(
            pinned(cpu, command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._io = pathlib.Path(f"/proc/{self.process.pid}/io")

    def bytes_read(self) -> int:
        """Bytes that wrk has taken from its sockets with read(2); a few more from files at its start."""
        for line in self._io.read_text().splitlines():
            if line.startswith("rchar:"):
                return int(line.split()[1])
        raise RunFailure("the kernel does not account I/O of tasks (CONFIG_TASK_IO_ACCOUNTING)")

    def check(self) -> None:
        if self.server.process.poll() is not None:
            raise self.server.failure(f"ended with status {self.server.process.returncode} under load")
        if self.process.poll() is not None:
            raise RunFailure(f"wrk ended early:\n{self.process.stdout.read().decode()}")

    def finish(self) -> dict[str, int]:
        """Ends wrk and returns its totals."""
        self.process.send_signal(signal.SIGINT)
        try:
            output = self.process.communicate(timeout=20)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            raise RunFailure("wrk does not end") from None
        line = re.search(r"^totals (.*)$", output, re.MULTILINE)
        if not line:
            raise RunFailure(f"wrk gave no totals:\n{output}")
        return {name: int(value) for name, value in (pair.split("=") for pair in line[1].split())}

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)


class Reading:
    """All counters at one moment."""

    def __init__(self, load: Load):
        self.time = time.monotonic_ns()
        self.server = cpu_nanoseconds(load.server.pids)
        self.bytes = load.bytes_read()
        self.parts = {name: cpu_nanoseconds(pids) for name, pids in load.server.parts().items()}
        self.others = [
            busy_nanoseconds(cpu) - cpu_nanoseconds(load.server.pids_on(cpu) + mine)
            for cpu, mine in ((load.server.cpu, []), (load.cpu, [load.process.pid]))
        ]


def measure(
    server: ServerProcess, scenario: Scenario, connections: int, seconds: float, warm_seconds: float, cpu: int
) -> Sample:
    """Loads the server for `seconds` after every connection has had two responses on average."""
    response_bytes = sum(len(part) for part in probe(server, scenario))
    load = Load(server, scenario, connections, cpu, bound=int(seconds + warm_seconds + 40))
    try:
        started = time.monotonic()
        wanted = 2 * max(connections, scenario.depth) * response_bytes
        time.sleep(warm_seconds)
        while load.bytes_read() < wanted:
            load.check()
            if time.monotonic() - started > 30:
                raise server.failure(f"{connections} connections had under two responses each in 30 s")
            time.sleep(0.05)
        before = Reading(load)
        time.sleep(seconds)
        load.check()
        after = Reading(load)
        totals = load.finish()
    finally:
        load.kill()
    requests = (after.bytes - before.bytes) / response_bytes
    nanoseconds = after.time - before.time
    used = after.server - before.server
    if requests < 1 or totals["requests"] < 1 or used == 0:
        raise server.failure("answered nothing in the window")
    if totals["status"]:
        raise server.failure(f"{totals['status']} of {totals['requests']} responses were not 2xx or 3xx")
    return Sample(
        cpu_microseconds=used / 1000 / requests,
        requests_per_second=requests / nanoseconds * 1e9,
        p99_microseconds=totals["p99"] if scenario.depth == 1 else None,
        server_busy=used / nanoseconds,
        disturbance=max(0, *(late - early for late, early in zip(after.others, before.others))) / nanoseconds,
        errors={name: totals[name] for name in ("connect", "read", "write", "timeout") if totals[name]},
        parts={name: (after.parts[name] - before.parts[name]) / 1000 / requests for name in after.parts},
    )
