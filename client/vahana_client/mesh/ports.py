"""The TCP ports of the local mesh; all on loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping

SERVICES = ("profile", "registry", "experiment", "scheduler", "executor", "eventsink", "gateway")
"""The services, in the order in which they are started."""

DEFAULT_PORTS = {
    "gateway": 7400,
    "profile": 7401,
    "registry": 7402,
    "experiment": 7403,
    "scheduler": 7404,
    "executor": 7405,
    "eventsink": 7406,
    "sshd": 7422,
    "kafka": 7492,
    "kafka-controller": 7493,
}

_FREE_RANGE = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, so that none is taken between choosing and listening."""


class PortTakenError(Exception):
    """A port is in use by another program."""


def choose_ports(given: Mapping[str, int], before: Mapping[str, int], *, free: bool) -> dict[str, int]:
    """Returns a port for each listener: as given, else (with `free`) the one it had before if that is still free or any
    free one, else the default. Fails with PortTakenError where a given or default port is in use."""
    chosen: dict[str, int] = dict(given)
    for name, default in DEFAULT_PORTS.items():
        if name not in chosen:
            chosen[name] = _free_port(before.get(name), set(chosen.values())) if free else default
    taken = [f"{name} {port}" for name, port in chosen.items() if not is_free(port)]
    if taken:
        raise PortTakenError(
            f"in use by another program: {', '.join(taken)}; choose others with --<name>-port, or --free-ports"
        )
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on a loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(address: str, seconds: float = 1.0) -> bool:
    """Whether something accepts TCP connections at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=seconds):
            return True
    except OSError:
        return False


def _free_port(before: int | None, used: set[int]) -> int:
    candidates = random.sample(_FREE_RANGE, 200)
    for port in [before, *candidates]:
        if port is not None and port not in used and is_free(port):
            return port
    raise PortTakenError(f"no free port between {_FREE_RANGE.start} and {_FREE_RANGE.stop}")
