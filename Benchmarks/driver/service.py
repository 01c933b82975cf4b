# SPDX-License-Identifier: Apache-2.0
"""The service and the processes that answer for it, as one server."""

import os
import pathlib
import subprocess
import time
from dataclasses import dataclass

from .process import ServerProcess, end, free_port, pinned
from .scenarios import Scenario
from .servers import Server

CONFIGURATION = """
[service]
state-file = {directory}/state
lock-file = {directory}/lock
shutdown-timeout = 0s
[control]
socket = {directory}/control.sock
connections = 1000
connections-per-user = 1000
queues-per-user = 1000
groups-per-user = 1000
registrations-per-user = 20000
[engine]
loops = 1
[limits]
max-connections = 30000
[timeouts]
idle-connection = 600s
"""


@dataclass(frozen=True)
class Size:
    """How much the service holds."""

    name: str
    queues: int = 1  # each with as many processes
    workers: int = 1  # processes on each queue
    reservations: int = 1
    spread: bool = False  # the requests go to all queues in turn; else the first has them all


SIZES = [
    Size("1 of each"),
    Size("16 queues, 15 of them idle", queues=16),
    Size("256 queues, 255 of them idle", queues=256),
    Size("16 queues in turn", queues=16, spread=True),
    Size("256 queues in turn", queues=256, spread=True),
    Size("1,000 reservations", reservations=1000),
    Size("100,000 reservations", reservations=100_000),
    Size("4 processes on the queue", workers=4),
    Size("16 processes on the queue", workers=16),
]


class Service(Server):
    """`httpringd` with one loop, and testapp attached to its queues with one loop in each process."""

    def __init__(
        self, name: str, programs: tuple[pathlib.Path, pathlib.Path], *place, worker_cpu: int, size: Size = SIZES[0]
    ):
        super().__init__(name, *place)
        self.daemon, self.application = programs
        self.worker_cpu, self.size = worker_cpu, size

    def prefixes(self, scenario: Scenario, port: int) -> list[list[str]]:
        """What each queue serves, as HOST:PORT/PATH/."""
        host = f"127.0.0.1:{port}"
        mixed = [f"{host}/m{number}/" for number in range(scenario.mix)] or [f"{host}/"]
        if self.size.spread:
            return [mixed[number :: self.size.queues] for number in range(self.size.queues)]
        return [mixed, *([f"{host}/idle{number}/"] for number in range(1, self.size.queues))]

    def write_state(self, directory: pathlib.Path, port: int, queues: list[list[str]]) -> None:
        me = f"user:{os.geteuid()}"
        lines = [f"reservation http://127.0.0.1:{port}/ {me}=listen"]
        lines += [
            f"reservation http://127.0.0.1:{port}/reserved/{number}/ user:61001=listen"
            for number in range(1, self.size.reservations)
        ]
        for number, prefixes in enumerate(queues):
            urls = " ".join(f"url=http://{prefix}" for prefix in prefixes)
            lines.append(f"queue bench{number} length=10000 allow={me} {urls}")
        (directory / "state").write_text("\n".join(["httpring-state 1", *lines, f"end {len(lines)}", ""]))

    def start(self, scenario: Scenario) -> ServerProcess:
        port = free_port()
        directory = self.directory / f"service-{port}"
        directory.mkdir()
        queues = self.prefixes(scenario, port)
        (directory / "httpringd.conf").write_text(CONFIGURATION.format(directory=directory))
        self.write_state(directory, port, queues)
        command = [str(self.daemon), "--configuration", str(directory / "httpringd.conf")]
        process = ServiceProcess(self.name, command, port, self.cpu, directory / "httpringd.log")
        try:
            for number, prefixes in enumerate(queues):
                for worker in range(self.size.workers):
                    process.attach(
                        [str(self.application), "--workers", "1", "--attach", f"bench{number}",
                         "--service-socket", str(directory / "control.sock"),
                         *(word for prefix in prefixes for word in ("--http", prefix))],
                        self.worker_cpu,
                        directory / f"worker-{number}-{worker}.log",
                    )  # fmt: skip
            process.wait_for_workers()
        except BaseException:
            process.stop()
            raise
        return process


class ServiceProcess(ServerProcess):
    """A running service with its workers; CPU time and memory are those of all of them."""

    def __init__(self, *arguments):
        self.workers: list[tuple[subprocess.Popen, int, pathlib.Path]] = []
        super().__init__(*arguments)

    def attach(self, command: list[str], cpu: int, log: pathlib.Path) -> None:
        with open(log, "wb") as output:
            process = subprocess.Popen(pinned(cpu, command), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.workers.append((process, cpu, log))
        self.pids.append(process.pid)

    def wait_for_workers(self) -> None:
        """Until each has said that it is ready."""
        deadline = time.monotonic() + 60
        for process, _, log in self.workers:
            while b"ready " not in log.read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    self.log = log
                    raise self.failure("a process does not attach")
                time.sleep(0.02)

    def find_children(self) -> None:
        """They are known: the service starts none."""

    def pids_on(self, cpu: int) -> list[int]:
        return ([self.process.pid] if cpu == self.cpu else []) + [
            process.pid for process, worker_cpu, _ in self.workers if worker_cpu == cpu
        ]

    def parts(self) -> dict[str, list[int]]:
        return {"service": [self.process.pid], "workers": [process.pid for process, _, _ in self.workers]}

    def stop(self) -> None:
        end([process for process, _, _ in self.workers])
        super().stop()
