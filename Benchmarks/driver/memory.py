# SPDX-License-Identifier: Apache-2.0
"""What an idle keep-alive connection costs in the server's own memory."""

import resource
import socket
import ssl
import time

from .load import connect, probe
from .process import ServerProcess, read_response
from .scenarios import Scenario


def raise_descriptor_limit() -> int:
    """Lifts the soft limit of open files to the hard one, for this driver and what it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def measure_idle(server: ServerProcess, scenario: Scenario, connections: int, idle_seconds: float) -> dict:
    """Opens connections, makes one request on each, lets them idle, and compares the server's memory."""
    probe(server, scenario)
    time.sleep(0.5)
    before = server.memory_kib()
    request = scenario.request(server.port)
    context = ssl._create_unverified_context()
    opened: list[socket.socket] = []
    try:
        for _ in range(connections):
            connection = connect(server, scenario, context)
            opened.append(connection)
            connection.sendall(request)
            read_response(connection)
        time.sleep(idle_seconds)
        after = server.memory_kib()
        for connection in opened[:: max(1, connections // 100)]:  # they were idle, not dropped
            connection.sendall(request)
            read_response(connection)
    except (OSError, ValueError) as error:
        raise server.failure(f"{len(opened)} of {connections} idle connections: {error}") from error
    finally:
        for connection in opened:
            connection.close()
    return {
        "connections": connections,
        "before_kib": before,
        "after_kib": after,
        "pss_kib_per_connection": (after["pss"] - before["pss"]) / connections,
        "rss_kib_per_connection": (after["rss"] - before["rss"]) / connections,
    }
