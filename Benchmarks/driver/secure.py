# SPDX-License-Identifier: Apache-2.0
"""One measured run over TLS or HTTP/2, or of one large transfer: the load's own count of what was done, the whole run.

Over TLS the kernel's count of bytes does not tell requests, so the window is the load's whole run, its connections'
handshakes included; each program is told how long to run and how many connections to make.
"""

import pathlib
import re
import subprocess
import time

from .load import SCRIPT, Sample, connect
from .process import RunFailure, ServerProcess, busy_nanoseconds, cpu_nanoseconds, pinned
from .scenarios import GIBIBYTE, LARGE, Scenario


def commands(server: ServerProcess, scenario: Scenario, seconds: int, root: pathlib.Path) -> list[list[str]]:
    """The programs that make the load; they run at the same time."""
    url = f"{'https' if scenario.secure else 'http'}://127.0.0.1:{server.port}{scenario.path}"
    count = scenario.connections
    match scenario.load:
        case "wrk-tls":
            return [["wrk", "-t1", f"-c{count}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), url]]
        case "handshakes":
            address = f"127.0.0.1:{server.port}"
            command = ["openssl", "s_time", "-connect", address, "-tls1_3", "-time", str(seconds), "-www",
                       scenario.path, *scenario.options]  # fmt: skip
            return [command] * count
        case "h2load":
            return [["h2load", "-t1", f"-c{count}", f"-m{scenario.streams}", f"-D{seconds}", url]]
        case "download":
            return [["curl", "-sSk", *scenario.options, "-o", "/dev/null", "-w", "%{http_code} %{size_download}", url]]
        case "upload":
            return [["curl", "-sSk", *scenario.options, "-X", "POST", "-H", "Expect:", "-T", str(root / LARGE),
                     "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", url]]  # fmt: skip
    raise RunFailure(f"{scenario.load} is no load")


def count_done(scenario: Scenario, output: str) -> tuple[int, dict[str, int]]:
    """How many requests or handshakes one program says it has made, and its errors."""
    match scenario.load:
        case "wrk-tls":
            line = re.search(r"^totals (.*)$", output, re.MULTILINE)
            totals = {name: int(value) for name, value in (pair.split("=") for pair in line[1].split())} if line else {}
            errors = {name: totals[name] for name in ("connect", "read", "status", "timeout") if totals.get(name)}
            return totals.get("requests", 0), errors
        case "handshakes":
            line = re.search(r"^(\d+) connections in \d+ real seconds", output, re.MULTILINE)
            marks = "".join(re.findall(r"^[*rt]+", output, re.MULTILINE))
            wrong = marks.count("*") - 1 if "-reuse" in scenario.options else marks.count("r")
            return int(line[1]) if line else 0, {"of the other kind": wrong} if wrong > 0 else {}
        case "h2load":
            line = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", output)
            failed = int(line[2]) + int(line[3]) if line else 0
            return int(line[1]) if line else 0, {"failed": failed} if failed else {}
    return int(output.strip() == f"200 {GIBIBYTE}"), {}


def warm(server: ServerProcess, scenario: Scenario) -> None:
    """One request, so that the server is there and its caches are filled."""
    try:
        with connect(server, scenario) as connection:
            connection.sendall(f"HEAD {scenario.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            if not connection.recv(65536).startswith(b"HTTP/1.1 "):
                raise server.failure(f"{scenario.path}: no answer")
    except OSError as error:
        raise server.failure(f"{scenario.path}: {error}") from error
    server.find_children()


def measure(server: ServerProcess, scenario: Scenario, seconds: float, cpu: int, root: pathlib.Path) -> Sample:
    """Runs the load once to its end."""
    warm(server, scenario)
    whole = max(1, round(seconds))
    began, used = time.monotonic_ns(), cpu_nanoseconds(server.pids)
    busy, load_busy = busy_nanoseconds(server.cpu), busy_nanoseconds(cpu)
    processes = [
        subprocess.Popen(pinned(cpu, command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
        for command in commands(server, scenario, whole, root)
    ]  # fmt: skip
    children_before = time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID)
    load_used = _children_nanoseconds()
    done, errors = 0, {}
    try:
        for process in processes:
            output = process.communicate(timeout=whole + 120)[0]
            count, found = count_done(scenario, output)
            if not count:
                raise server.failure(f"{scenario.name}: the load did nothing:\n{output[-1000:]}")
            done += count
            for name, number in found.items():
                errors[name] = errors.get(name, 0) + number
    except subprocess.TimeoutExpired:
        raise RunFailure(f"{scenario.name}: the load does not end") from None
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    nanoseconds = time.monotonic_ns() - began
    used = cpu_nanoseconds(server.pids) - used
    load_used = _children_nanoseconds() - load_used
    load_used += time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID) - children_before
    others = max(busy_nanoseconds(server.cpu) - busy - used, busy_nanoseconds(cpu) - load_busy - load_used, 0)
    return Sample(
        cpu_microseconds=used / 1000 / done,
        requests_per_second=done / nanoseconds * 1e9,
        p99_microseconds=None,
        server_busy=used / nanoseconds,
        disturbance=others / nanoseconds,
        errors=errors,
    )


def _children_nanoseconds() -> int:
    """CPU time of the programs that this driver has started and waited for."""
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((usage.ru_utime + usage.ru_stime) * 1e9)
