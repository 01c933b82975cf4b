# SPDX-License-Identifier: Apache-2.0
"""Tables and the JSON record of a whole comparison."""

import json
import pathlib
import platform
import statistics
import subprocess
import time

from .load import Sample
from .prepare import BENCHMARKS, REPOSITORY

BUDGETS = json.loads((BENCHMARKS / "budgets.json").read_text())

# A run in which other programs took a larger share of either CPU is said to be disturbed.
DISTURBANCE_MAX = 0.10


class Record:
    """Samples by scenario, connections and server, in the order of the rounds."""

    def __init__(self, servers: list[str], command: str):
        self.servers = servers
        self.command = command
        self.started = time.strftime("%Y-%m-%d %H:%M:%S %z")
        self.cells: dict[tuple[str, int], dict[str, list[Sample]]] = {}
        self.idle: dict[str, dict] = {}
        self.notes: list[str] = []
        self.runs = 0
        self.disturbed = 0

    def add(self, scenario: str, connections: int, server: str, sample: Sample) -> None:
        cell = self.cells.setdefault((scenario, connections), {name: [] for name in self.servers})
        cell[server].append(sample)
        self.runs += 1
        self.disturbed += sample.disturbance > DISTURBANCE_MAX
        if sample.errors:
            listed = ", ".join(f"{count} {name}" for name, count in sample.errors.items())
            self.notes.append(f"{server}, {scenario} × {connections}: wrk counted errors: {listed}")

    def ratio(self, cell: dict[str, list[Sample]], above: str, below: str) -> float | None:
        """Median over the rounds of one server's CPU time per request against another's in the same round."""
        pairs = zip(cell.get(above, []), cell.get(below, []))
        ratios = [a.cpu_microseconds / b.cpu_microseconds for a, b in pairs]
        return statistics.median(ratios) if ratios else None

    def ratios(self) -> list[tuple[str, str]]:
        """The pairs of servers whose ratio is shown."""
        if "ours" not in self.servers:
            return [(name, "floor") for name in self.servers if name != "floor" and "floor" in self.servers]
        return [("ours", name) for name in ("floor", "nginx", "previous") if name in self.servers]

    def over_budget(self) -> list[str]:
        over = []
        for (scenario, connections), cell in self.cells.items():
            for other in ("floor", "nginx"):
                limit = BUDGETS[f"{other}_ratio"].get(scenario)
                ratio = self.ratio(cell, "ours", other)
                is_counted = connections in BUDGETS["connections"] or scenario in BUDGETS["any_connections"]
                if None in (limit, ratio) or not is_counted:
                    continue
                if ratio > limit:
                    over.append(f"{scenario} × {connections}: {ratio:.2f} × {other}, budget {limit:.2f}")
            growth = self.growth(scenario, connections)
            if growth is not None and growth > BUDGETS["growth"]:
                over.append(f"{scenario} × {connections}: {growth:.2f} × its ratio to the floor at 64")
        each = self.idle["ours"]["pss_kib_per_connection"] if "ours" in self.idle else 0
        if each > BUDGETS["idle_kib"]:
            over.append(f"idle connection: {each:.2f} KiB, budget {BUDGETS['idle_kib']}")
        each = self.idle["ours, TLS"]["pss_kib_per_connection"] if "ours, TLS" in self.idle else 0
        if each > BUDGETS["idle_tls_kib"]:
            over.append(f"idle TLS connection: {each:.2f} KiB, budget {BUDGETS['idle_tls_kib']}")
        return over

    def growth(self, scenario: str, connections: int) -> float | None:
        """How our ratio to the floor at this many connections compares with that at 64."""
        few = self.ratio(self.cells.get((scenario, 64), {}), "ours", "floor")
        many = self.ratio(self.cells[scenario, connections], "ours", "floor")
        return many / few if few and many and connections > 64 else None

    # ---- Markdown ----

    def markdown(self) -> str:
        parts = [f"`{self.command}`, {self.started}, {machine()}"]
        if self.cells:
            parts += [
                "CPU time of the server per request in µs: median (least–most) of the rounds",
                self._table(
                    [*self.servers, *(f"{a}/{b}" for a, b in self.ratios())],
                    lambda cell: [
                        *(spread([s.cpu_microseconds for s in cell[name]], 2) for name in self.servers),
                        *(show(self.ratio(cell, a, b)) for a, b in self.ratios()),
                    ],
                ),
                "Requests/s, p99 latency, and the share of the window in which the server ran: medians",
                self._table(
                    self.servers,
                    lambda cell: [speed(cell[name]) for name in self.servers],
                ),
            ]
        if self.idle:
            rows = [
                [
                    name,
                    str(idle["connections"]),
                    f"{idle['pss_kib_per_connection']:.2f}",
                    f"{idle['before_kib']['pss'] / 1024:.1f}",
                    f"{idle['after_kib']['pss'] / 1024:.1f}",
                ]
                for name, idle in self.idle.items()
            ]
            header = ["server", "idle connections", "KiB each", "MiB before", "MiB with them"]
            parts.append("Memory of the server's processes (PSS) with idle keep-alive connections")
            parts.append(table(header, rows))
        if self.disturbed:
            parts.append(
                f"In {self.disturbed} of {self.runs} runs other programs took over {DISTURBANCE_MAX:.0%} of "
                "the server's CPU or the load's: repeat on a quiet machine before believing a figure."
            )
        if self.notes:
            parts.append("\n".join(f"- {note}" for note in dict.fromkeys(self.notes)))
        return "\n\n".join(parts)

    def _table(self, columns: list[str], values) -> str:
        rows = [
            [scenario, f"{connections:,}", *values(cell)]
            for (scenario, connections), cell in self.cells.items()
        ]
        return table(["scenario", "connections", *columns], rows)

    # ---- JSON ----

    def save(self, folder: pathlib.Path) -> pathlib.Path:
        folder.mkdir(exist_ok=True)
        path = folder / time.strftime("%Y%m%d-%H%M%S.json")
        document = {
            "command": self.command,
            "started": self.started,
            "machine": machine(),
            "commit": commit(),
            "runs": [
                {
                    "scenario": scenario,
                    "connections": connections,
                    "ratios": {f"{a}/{b}": self.ratio(cell, a, b) for a, b in self.ratios()},
                    "samples": {name: [s.as_dict() for s in samples] for name, samples in cell.items()},
                }
                for (scenario, connections), cell in self.cells.items()
            ],
            "idle": self.idle,
            "over_budget": self.over_budget(),
            "notes": self.notes,
        }
        path.write_text(json.dumps(document, indent=2) + "\n")
        return path


def show(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def spread(values: list[float], digits: int) -> str:
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def speed(samples: list[Sample]) -> str:
    if not samples:
        return "–"
    rate = statistics.median(s.requests_per_second for s in samples)
    busy = statistics.median(s.server_busy for s in samples)
    waits = [s.p99_microseconds / 1000 for s in samples if s.p99_microseconds is not None]
    p99 = f"{statistics.median(waits):.2f} ms" if waits else "–"
    return f"{rate:,.0f}, {p99}, {busy:.0%}"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(list(pathlib.Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))
    return f"{model}, {cores} CPUs, Linux {platform.release()}"


def commit() -> str:
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True
    )
    return result.stdout.strip()
