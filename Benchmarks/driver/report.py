# SPDX-License-Identifier: Apache-2.0
"""Tables and the JSON record of a whole comparison."""

import json
import pathlib
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass

from .load import Sample
from .prepare import BENCHMARKS, REPOSITORY
from .scenarios import SCALE_SCENARIO

BUDGETS = json.loads((BENCHMARKS / "budgets.json").read_text())

# A run in which other programs took a larger share of either CPU is said to be disturbed.
DISTURBANCE_MAX = 0.10


@dataclass
class Group:
    """Scenarios that the same servers go through, shown in one table."""

    scenarios: list[str]
    servers: list[str]
    ratios: list[tuple[str, str]]  # the pairs of servers whose ratio is shown
    is_by_server: bool = False  # one line for each server, where there are many


class Record:
    """Samples by scenario, connections and server, in the order of the rounds."""

    def __init__(self, groups: list[Group], command: str):
        self.groups = groups
        self.command = command
        self.started = time.strftime("%Y-%m-%d %H:%M:%S %z")
        self.cells: dict[tuple[str, int], dict[str, list[Sample]]] = {}
        self.idle: dict[str, dict] = {}
        self.notes: list[str] = []
        self.runs = 0
        self.disturbed = 0

    def add(self, scenario: str, connections: int, server: str, sample: Sample) -> None:
        names = self.group(scenario).servers
        cell = self.cells.setdefault((scenario, connections), {name: [] for name in names})
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

    def group(self, scenario: str) -> Group:
        return next(group for group in self.groups if scenario in group.scenarios)

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
            over += self.service_over_budget(scenario, connections, cell)
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

    def service_over_budget(self, scenario: str, connections: int, cell: dict[str, list[Sample]]) -> list[str]:
        """What is over where the service is one of the servers."""
        if connections not in BUDGETS["connections"]:
            return []
        limits = [
            (name, other, BUDGETS[key][scenario])
            for key, other, names in (
                ("service_floor_ratio", "floor", ("service", "service-apart")),
                ("service_embedded_ratio", "ours", ("service",)),  # its worker has nothing to do, wherever it is
            )
            for name in names
            if scenario in BUDGETS[key]
        ]
        if scenario == SCALE_SCENARIO.name:
            limits = [(name, other, BUDGETS["service_growth"]) for name, other in self.group(scenario).ratios]
            limits = [limit for limit in limits if limit[0] not in BUDGETS["service_growth_free"]]
        found = [(name, other, self.ratio(cell, name, other), limit) for name, other, limit in limits]
        return [
            f"{scenario} × {connections}: {name} is {ratio:.2f} × {other}, budget {limit:.2f}"
            for name, other, ratio, limit in found
            if ratio is not None and ratio > limit
        ]

    def growth(self, scenario: str, connections: int) -> float | None:
        """How our ratio to the floor at this many connections compares with that at 64."""
        few = self.ratio(self.cells.get((scenario, 64), {}), "ours", "floor")
        many = self.ratio(self.cells[scenario, connections], "ours", "floor")
        return many / few if few and many and connections > 64 else None

    # ---- Markdown ----

    def markdown(self) -> str:
        parts = [f"`{self.command}`, {self.started}, {machine()}"]
        for group in self.groups:
            cells = {key: cell for key, cell in self.cells.items() if key[0] in group.scenarios}
            if cells and group.is_by_server:
                parts += self._by_server(group, cells)
            elif cells:
                parts += self._by_scenario(group, cells)
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

    def _by_scenario(self, group: Group, cells: dict) -> list[str]:
        def lines(columns: list[str], values) -> str:
            rows = [
                [scenario, f"{connections:,}", *values(cell)] for (scenario, connections), cell in cells.items()
            ]
            return table(["scenario", "connections", *columns], rows)

        return [
            "CPU time of the server per request in µs: median (least–most) of the rounds",
            lines(
                [*group.servers, *(f"{a}/{b}" for a, b in group.ratios)],
                lambda cell: [
                    *(spread([s.cpu_microseconds for s in cell[name]], 2) for name in group.servers),
                    *(show(self.ratio(cell, a, b)) for a, b in group.ratios),
                ],
            ),
            "Requests/s, p99 latency, and the share of the window in which the server ran: medians",
            lines(group.servers, lambda cell: [speed(cell[name]) for name in group.servers]),
        ]

    def _by_server(self, group: Group, cells: dict) -> list[str]:
        base = group.ratios[0][1] if group.ratios else group.servers[0]
        rows = [
            [
                name,
                f"{connections:,}",
                spread([s.cpu_microseconds for s in cell[name]], 2),
                show(self.ratio(cell, name, base)),
                speed(cell[name]),
            ]
            for (_, connections), cell in cells.items()
            for name in group.servers
        ]
        header = ["the service holds", "connections", "µs", f"/ {base}", "requests/s, p99, share"]
        return ["CPU time of the service and its processes per request: median (least–most) of the rounds",
                table(header, rows)]  # fmt: skip

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
                    "ratios": {f"{a}/{b}": self.ratio(cell, a, b) for a, b in self.group(scenario).ratios},
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
    shares = [
        f"{name} {statistics.median(s.parts[name] for s in samples):.2f} µs" for name in samples[0].parts
    ]
    return ", ".join([f"{rate:,.0f}", p99, f"{busy:.0%}", *shares])


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
