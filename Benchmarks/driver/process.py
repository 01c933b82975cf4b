# SPDX-License-Identifier: Apache-2.0
"""Starting, watching and stopping one program by its pid."""

import os
import pathlib
import signal
import socket
import subprocess
import time


class RunFailure(Exception):
    """A program did not do what the measurement needs; the text says which and what it printed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(cpu: int, command: list[str]) -> list[str]:
    """The command on one CPU, ended by the kernel should this driver die."""
    return ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(cpu), *command]


def cpu_nanoseconds(pids: list[int]) -> int:
    """CPU time of all threads of the processes so far, those that have ended included."""
    # The kernel's CPU clock of another process: clock_getcpuclockid(3), CPUCLOCK_SCHED.
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def busy_nanoseconds(cpu: int) -> int:
    """Time in which one CPU was not idle, or was taken by the hypervisor, in ticks of 10 ms."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{cpu}":
            user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, ticks[:8])
            total = user + nice + system + irq + softirq + steal
            return total * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    raise RunFailure(f"there is no CPU {cpu}")


def children(pid: int) -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = pathlib.Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def end(processes: list[subprocess.Popen]) -> None:
    """Asks processes to end, waits for them together, and kills those that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 10
    for process in processes:
        try:
            process.wait(timeout=max(0.01, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


class ServerProcess:
    """A running server: the process started and those it started, such as nginx's worker."""

    def __init__(self, name: str, command: list[str], port: int, cpu: int, log: pathlib.Path):
        self.name, self.port, self.cpu, self.log = name, port, cpu, log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                pinned(cpu, command), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.pids = [self.process.pid]
        try:
            self._wait_until_it_accepts()
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_accepts(self) -> None:
        deadline = time.monotonic() + 15
        while True:
            if self.process.poll() is not None:
                raise self.failure(f"ended at once with status {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise self.failure("does not accept connections") from None
                time.sleep(0.02)

    def find_children(self) -> None:
        """To be called after an answer: a listener accepts before the worker behind it exists."""
        self.pids = [self.process.pid, *children(self.process.pid)]

    def pids_on(self, cpu: int) -> list[int]:
        """Those of its processes that one CPU runs."""
        return self.pids if cpu == self.cpu else []

    def parts(self) -> dict[str, list[int]]:
        """Its processes by what they do, where their shares are of interest."""
        return {}

    def failure(self, what: str) -> RunFailure:
        output = self.log.read_text(errors="replace")[-4000:].strip()
        return RunFailure(f"{self.name}: {what}" + (f"; it printed:\n{output}" if output else ""))

    def memory_kib(self) -> dict[str, int]:
        """Resident and proportional memory in KiB."""
        totals = {"Rss": 0, "Pss": 0}
        for pid in self.pids:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in totals:
                    totals[name] += int(value.split()[0])
        return {"rss": totals["Rss"], "pss": totals["Pss"]}

    def stop(self) -> None:
        end([self.process])

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def read_response(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of one response with a Content-Length; a transport failure raises OSError."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {received!r}")
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(
        (name.strip().lower(), value.strip())
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    )
    if not head.startswith(b"HTTP/1.1 200 ") or b"content-length" not in fields:
        raise ValueError(f"not a 200 with Content-Length: {head!r}")
    missing = int(fields[b"content-length"]) - len(body)
    while missing > 0:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"closed {missing} bytes early")
        body += piece
        missing -= len(piece)
    return head + b"\r\n\r\n", body
